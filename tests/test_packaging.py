"""What is installed: names that others rely on, the files in the wheel, the arrows between the packages."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tree_attention", "problems", "judge", "sampler")

# All of it: a name that is added or dropped changes what others may rely on.
EXPORTS = {
    "problems": {
        "CheckerSpec",
        "Limits",
        "Problem",
        "ProblemError",
        "Submission",
        "TestCase",
        "open_problems",
    },
    "judge": {
        "Judge",
        "JudgeError",
        "Judgement",
        "Program",
        "ProgramsFileError",
        "SandboxError",
        "SandboxFaultError",
        "SandboxUnavailableError",
        "TestResult",
        "UnknownLanguageError",
        "ValidatorError",
        "Verdict",
        "judgement_row",
    },
    "judge.sandbox": {
        "Exceeded",
        "ProgramFiles",
        "RunRequest",
        "RunResult",
        "SANDBOXES",
        "Sandbox",
        "SandboxFactory",
        "SandboxStatus",
        "open_factory",
        "probe_sandbox",
    },
    "tree_attention": {
        "AttentionOptions",
        "AttentionPlan",
        "AttentionStep",
        "KvPool",
        "LayerShape",
        "Node",
        "NodeStorage",
        "OpenedModel",
        "PoolContext",
        "PoolFullError",
        "PrefillSpan",
        "PromptTree",
        "TreeModel",
        "UnsupportedModelError",
        "open_model",
        "tree_attention",
        "tree_attention_with_lse",
    },
    "sampler": {
        "Run",
        "load_run",
    },
    "sampler.engine": {
        "Completion",
        "DeviceError",
        "Engine",
        "EngineError",
        "EngineStats",
        "KvMemoryError",
        "ModelLoadError",
        "ModelOutputError",
        "Prompt",
        "PromptError",
        "SamplingParams",
        "TensorParallelError",
    },
    "sampler.prompting": {
        "Example",
        "FewShotError",
        "FewShotSets",
        "Layout",
        "build_prompts",
        "load_examples",
        "render_problem",
    },
    "sampler.report": {
        "build_report",
        "print_summary",
    },
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exported_names(name):
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(EXPORTS[name])
    for exported in module.__all__:
        assert getattr(module, exported) is not None


def test_the_exports_of_every_package_are_pinned():
    inits = (path for folder in PACKAGES for path in modules_below(folder) if path.name == "__init__.py")
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in inits
        if re.search(r"^__all__ =", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == set(EXPORTS)


def test_the_wheel_holds_what_a_run_needs(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "sampler/demo_model/config.json",
        "sampler/demo_model/model.safetensors",
        "sampler/demo_model/tokenizer.json",
        "sampler/report/templates/report.html.j2",
        "judge/sandbox/agent.py",
        "problems/bundled/anagram-pairs/problem.yaml",
        "problems/bundled/anagram-pairs/data/secret/",
    ):
        assert any(name.startswith(needed) for name in names), needed
    assert not any(name.startswith(("tests/", "scripts/", "docs/")) for name in names)


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, at its top or in a function, and the names taken from them.

    A name may be a module itself: `from sampler import engine`.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name; write the whole one"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_imports_are_seen_in_every_form(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("import a.b\ndef f():\n    from c import d, e as f\n    from g.h import i\n")
    assert imports_of(file) == {"a.b", "c", "c.d", "c.e", "g.h", "g.h.i"}


def modules_below(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "bundled" not in path.parts]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("tree_attention", r"(sampler|judge|problems|ray|datasets|pydantic|click)\b"),
        ("problems", r"(sampler|judge|tree_attention|torch|ray)\b"),
        ("judge", r"(sampler|tree_attention|torch|transformers|ray)\b"),
        (
            "sampler/engine",
            r"(judge|problems|ray|datasets|pydantic|click|sampler\.(pipeline|report|prompting|config))\b",
        ),
        ("sampler/prompting", r"(judge|tree_attention|torch|ray|sampler\.(engine|pipeline|report))\b"),
        ("sampler/report", r"(ray|torch|transformers|sampler\.(engine|pipeline|prompting))\b"),
        ("sampler/pipeline", r"sampler\.(cli|commands)\b"),
    ],
)
def test_nothing_imports_against_an_arrow(folder, forbidden):
    for path in modules_below(folder):
        wrong = {name for name in imports_of(path) if re.match(forbidden, name)}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_tested_versions_lie_in_the_declared_ranges():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["dev"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    for text in declared:
        requirement = Requirement(text)
        assert len(list(requirement.specifier)) >= 2, f"{text} is not a range"
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text
