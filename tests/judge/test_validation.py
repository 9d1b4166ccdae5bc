"""Judging what ships with a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from judge import Judge, Verdict
from judge.validation import validate_problem, validate_problems
from problems.problem import Problem, Submission

RIGHT = "print(int(input()) + 1)"


def submission(name: str, text: str, *expected: str, language: str = "python") -> Submission:
    return Submission(name, language, text, frozenset(expected))


def test_rows(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    submissions = (
        submission("accepted/right.py", RIGHT, "AC"),
        submission("accepted/wrong.py", "print(1)", "AC"),
        submission("wrong_answer/zero.py", "print(0)", "WA"),
        submission("run_time_error/fails.py", "1 / 0", "WA", "RE"),
        submission("accepted/right.rs", "fn main() {}", "AC", language="rust"),
    )
    rows = validate_problem(any_judge, replace(increment(), submissions=submissions))
    found = {row.submission: row for row in rows}
    assert {name: (row.judged, row.ok) for name, row in found.items()} == {
        "accepted/right.py": (Verdict.AC, True),
        "accepted/wrong.py": (Verdict.WA, False),
        "wrong_answer/zero.py": (Verdict.WA, True),
        "run_time_error/fails.py": (Verdict.RE, True),
        "accepted/right.rs": (None, False),
    }
    assert found["accepted/wrong.py"].detail.startswith("1/3 tests, 0.")
    assert found["accepted/wrong.py"].detail.endswith(
        "first failed: secret/1, token 1, line 1: expected '2', got '1'"
    )
    assert "language 'rust' is not one the judge can run" in found["accepted/right.rs"].detail
    assert all(row.problem_id == "increment" for row in found.values())


def test_problems_that_prove_nothing(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    without_tests = replace(increment(0), submissions=(submission("accepted/right.py", RIGHT, "AC"),))
    without_reference = replace(increment(1), problem_id="other")
    rows = list(validate_problems(any_judge, [without_tests, without_reference]))
    complaints = {row.problem_id: row.detail for row in rows if not row.ok}
    assert complaints == {
        "increment": "the problem has no tests",
        "other": "the problem has no reference solution (submissions/accepted)",
    }
