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
        "Judgement",
        "Program",
        "TestResult",
        "Verdict",
        "JudgeError",
        "SandboxError",
        "judgement_row",
    },
    "tree_attention": {
        "PromptTree",
        "Node",
        "KvPool",
        "AttentionPlan",
        "tree_attention",
        "UnsupportedModelError",
    },
    "sampler": {"load_run", "Run"},
    "sampler.engine": {"Engine", "Prompt", "SamplingParams", "Completion", "EngineError"},
    "sampler.report": {"build_report", "print_summary"},
    "sampler.prompting": {"build_prompts", "FewShotSets", "load_examples", "render_problem"},
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exported_names(name):
    module = importlib.import_module(name)
    assert EXPORTS[name] <= set(module.__all__)
    for exported in module.__all__:
        assert getattr(module, exported) is not None


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
    """The modules that a file imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


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
