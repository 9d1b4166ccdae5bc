from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from judge.rows import read_rows
from sampler.cli import main
from sampler.commands import faults

HEAVY = ("torch", "transformers", "ray", "datasets", "pydantic", "numpy", "rich", "matplotlib")


def invoke(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom sampler.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_every_command_of_the_overview_has_help():
    overview = invoke("--help").output
    for name in ("run", "sample", "judge", "report", "problems", "doctor"):
        assert f"  {name} " in overview
        shown = invoke(name, "--help")
        assert shown.exit_code == 0
        assert shown.output.startswith("Usage:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "a", "b"], "No such command 'compare'"),
        (["rum"], "No such command 'rum'"),
        (["run", "--sampling.temprature", "1"], "sampling.temperature"),
        (["run", "--problems", "hf:some/set", "--dry-run"], "unknown problem set 'hf:some/set'"),
        (["run", "--problems", "bundeld", "--dry-run"], "nearest: bundled"),
        (["run", "--samples", "many"], "setting samples is 'many'"),
        (["run", "--model", "./absent", "--dry-run"], "there is no absent/config.json"),
        (["run", "--config", "absent.toml"], "absent.toml"),
        (["problems", "ls", "package:/absent"], "/absent"),
        (["problems", "show", "bundled", "anagram-pair"], "anagram-pairs"),
        (["report", "/absent"], "no run directory"),
        (["judge", "--problems", "bundled", "--programs", "/absent.jsonl", "--out", "x"], "/absent.jsonl"),
        (["judge", "--problems", "bundled", "--programs", "/dev/null", "--out", "x"], "a file first"),
        (["judge", "--problems", "p", "--programs", "p", "--out", "x", "--jobs", "-1"], "range x>=0"),
        (["problems", "validate", "bundled", "--jobs", "-1"], "range x>=0"),
        (["run", "--sampling.stop", ""], "setting sampling.stop is ''"),
        (["run", "--engine.device", "nonsense"], "setting engine.device is 'nonsense'"),
        (["run", "--out", ""], "setting out is ''"),
    ],
)
def test_what_a_user_can_mend_is_one_clear_message(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_typing_error_costs_no_heavy_import():
    script = (
        "import sys\nfrom sampler.cli import main\n"
        "try:\n    main(['run', '--samples', 'many'])\nexcept SystemExit as end:\n    print(end.code)\n"
        "print([name for name in ('torch', 'transformers', 'ray', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n[]\n"
    assert done.stderr == (
        "Error: setting samples is 'many': Input should be a valid integer, unable to parse string as an "
        "integer (Samples per problem.)\n"
    )


@pytest.mark.parametrize(("module", "name"), faults.MENDABLE)
def test_mendable_errors_are_where_they_are_looked_up(module, name):
    error = getattr(importlib.import_module(module), name)
    assert error.__module__ == module
    assert faults.is_mendable(error.__new__(error))


def test_a_fault_of_ours_keeps_its_traceback():
    assert not faults.is_mendable(ValueError("what?"))
    with pytest.raises(KeyError):
        faults.clear_errors(lambda: {}["ours"])()


def test_a_closed_output_ends_a_command_quietly():
    command = [sys.executable, "-c", "from sampler.cli import main; main()", "problems", "show", "bundled"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_problems_are_listed_and_shown():
    listed = invoke("problems", "ls", "bundled?difficulty=hard")
    assert listed.exit_code == 0
    assert "hard" in listed.output
    assert "easy" not in listed.output
    shown = invoke("problems", "show", "bundled", "anagram-pairs")
    assert "# Problem: Anagram pairs" in shown.output
    assert "## Sample 1" in shown.output


def test_validate_has_an_exit_status(tmp_path):
    package = tmp_path / "sum"
    for folder in (
        "statement",
        "data/sample",
        "data/secret",
        "submissions/accepted",
        "submissions/wrong_answer",
    ):
        (package / folder).mkdir(parents=True)
    (package / "problem.yaml").write_text("problem_format_version: 2023-07-draft\nname: Sum\n")
    (package / "statement/problem.en.md").write_text("Add.\n\n## Input\n\nTwo integers.\n")
    for name in ("sample/1", "secret/1"):
        (package / f"data/{name}.in").write_text("1 2\n")
        (package / f"data/{name}.ans").write_text("3\n")
    (package / "submissions/accepted/a.py").write_text("print(sum(map(int, input().split())))\n")
    (package / "submissions/wrong_answer/b.py").write_text("print(4)\n")
    good = invoke("problems", "validate", f"package:{package}")
    assert good.exit_code == 0, good.output
    assert "2 programs judged, 0 not as expected" in good.output
    (package / "submissions/wrong_answer/c.py").write_text("print(3)\n")
    bad = invoke("problems", "validate", f"package:{package}")
    assert bad.exit_code == 1
    assert "FAIL" in bad.output
    assert "expected WA     got AC" in bad.output


@pytest.mark.slow
def test_a_run_in_which_nothing_could_be_drawn_fails_and_says_why(tmp_path):
    settings = ["--problems", "bundled?limit=1", "--samples", "2", "--engine.kv_memory", "1MiB"]
    result = invoke("run", "--out", str(tmp_path / "run"), *settings)
    assert result.exit_code == 1
    assert "Raise kv_memory" in " ".join(result.output.split())
    assert "not one sample was drawn and judged" in result.output


def test_judge_writes_rows_and_resumes(tmp_path):
    programs, verdicts = tmp_path / "programs.jsonl", tmp_path / "verdicts.jsonl"
    reference = (
        "from collections import Counter\nn = int(input())\n"
        "c = Counter(''.join(sorted(input())) for _ in range(n))\n"
        "print(sum(v * (v - 1) // 2 for v in c.values()))\n"
    )
    rows = [("good", reference), ("bad", "print(0)"), ("broken", "print("), ("none", None)]
    programs.write_text(
        "".join(
            json.dumps(
                {"problem_id": "anagram-pairs", "program_id": name, "language": "python", "program": text}
            )
            + "\n"
            for name, text in rows
        )
    )
    arguments = ("judge", "--problems", "bundled", "--programs", str(programs), "--out", str(verdicts))
    first = invoke(*arguments)
    assert first.exit_code == 0, first.output
    found = {row["program_id"]: row["verdict"] for row in read_rows(verdicts)}
    assert found == {"good": "AC", "bad": "WA", "broken": "RE", "none": "NO_CODE"}
    before = verdicts.read_bytes()
    again = invoke(*arguments)
    assert "nothing to do (4 verdicts were there)" in again.output
    assert verdicts.read_bytes() == before
