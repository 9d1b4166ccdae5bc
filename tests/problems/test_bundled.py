"""The form of the bundled problems; `orchard problems validate bundled` judges their programs."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections import Counter

import pytest

from problems import open_problems
from problems.problem import MIB
from problems.sources import BUNDLED_DIR
from problems.sources.package import DIFFICULTIES

PROBLEMS = {problem.problem_id: problem for problem in open_problems("bundled")}
WITH_VALIDATOR = sorted(p.problem_id for p in PROBLEMS.values() if p.checker.kind == "validator")

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def test_the_set_as_a_whole():
    assert len(PROBLEMS) >= 48
    counts = Counter(problem.difficulty for problem in PROBLEMS.values())
    assert set(counts) == set(DIFFICULTIES)
    assert min(counts.values()) >= 12
    assert len(WITH_VALIDATOR) >= 4
    assert any(problem.checker.float_relative_tolerance for problem in PROBLEMS.values())
    expected = Counter(s.expected_verdicts for p in PROBLEMS.values() for s in p.submissions)
    for verdict in ("AC", "WA", "TLE", "MLE", "OLE"):
        assert expected[frozenset({verdict})] >= 1, verdict
    assert any("RE" in verdicts for verdicts in expected)


def test_the_set_is_small():
    assert sum(path.stat().st_size for path in BUNDLED_DIR.rglob("*") if path.is_file()) <= 8_000_000


def test_titles_and_statements_differ():
    assert len({problem.title.lower() for problem in PROBLEMS.values()}) == len(PROBLEMS)
    assert len({problem.statement for problem in PROBLEMS.values()}) == len(PROBLEMS)


@each_problem
def test_the_package_is_complete(problem):
    folder = BUNDLED_DIR / problem.problem_id
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem.problem_id)
    assert problem.difficulty in DIFFICULTIES
    assert problem.tags
    assert len(problem.sample_tests) >= 2
    assert len(problem.tests) - len(problem.sample_tests) >= 10
    assert problem.accepted
    wrong = [s for s in problem.submissions if "AC" not in s.expected_verdicts]
    assert len(wrong) >= 2
    assert {submission.language for submission in problem.submissions} == {"python"}
    assert 1 <= problem.limits.cpu_seconds <= 2
    assert 64 * MIB <= problem.limits.memory_bytes <= 256 * MIB
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 600_000


@each_problem
def test_the_statement_has_its_sections(problem):
    task, *sections = re.split(r"^## (.*)$", problem.statement, flags=re.MULTILINE)
    assert sections[::2] == ["Input", "Output", "Constraints"]
    assert all(text.strip() for text in (task, *sections[1::2]))
    assert len(problem.statement.split()) <= 200
    assert "ample" not in "".join(sections[::2])


@each_problem
def test_inputs_are_text_that_ends_with_a_line(problem):
    inputs = {test.name: test.input() for test in problem.tests}
    assert max(map(len, inputs.values())) <= 150_000
    for name, data in inputs.items():
        assert data.isascii(), name
        assert data.endswith(b"\n"), name
        assert b"\r" not in data, name


@each_problem
def test_the_generator_makes_the_tests_that_are_there(problem):
    path = BUNDLED_DIR / problem.problem_id / "generators" / "generate.py"
    cases = runpy.run_path(str(path))["cases"]()
    made = {f"secret/{number:02}-{name}": text.encode() for number, (name, text) in enumerate(cases, start=1)}
    assert made == {test.name: test.input() for test in problem.tests if not test.sample}


@pytest.mark.parametrize("problem_id", WITH_VALIDATOR)
def test_a_validator_accepts_the_answer_and_rejects_rubbish(problem_id, tmp_path):
    problem = PROBLEMS[problem_id]
    test = next(test for test in problem.tests if test.name == "sample/1")
    answer = test.answer()

    def validate(output):
        command = [
            sys.executable,
            *problem.checker.validator_files[:1],
            test.input_data,
            test.answer_data,
            tmp_path,
        ]
        result = subprocess.run(command, input=output, capture_output=True, check=False)
        assert result.stderr == b""
        return result.returncode

    assert validate(answer) == 42
    assert validate(b"  " + answer.replace(b"\n", b" \n\n")) == 42
    for rubbish in (b"", b"\xff\xfe", answer + b"1\n", answer.rsplit(maxsplit=1)[0], b"-1 " * 5, b"9" * 5000):
        assert validate(rubbish) == 43
    assert (tmp_path / "judgemessage.txt").read_text().strip()
