"""Judges the submissions that ship with a problem, and holds the verdicts against the expected ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from judge.judge import Judge
from judge.languages import LANGUAGES
from judge.verdict import Judgement, Program, Verdict
from problems.problem import Problem, Submission


@dataclass(frozen=True)
class ValidationRow:
    """One submission's expected verdicts and the judged one.

    `judged` is None where the submission's language is not one the judge can run; such a row is not `ok`.
    """

    problem_id: str
    submission: str
    expected: frozenset[str]
    judged: Verdict | None
    detail: str
    judgement: Judgement | None = None

    @property
    def ok(self) -> bool:
        """Whether the judged verdict is an expected one."""
        return self.judged is not None and str(self.judged) in self.expected


def validate_problem(judge: Judge, problem: Problem) -> Iterator[ValidationRow]:
    """Judge every submission of `problem`; rows come as they finish."""
    return validate_problems(judge, [problem])


def validate_problems(judge: Judge, problems: Iterable[Problem]) -> Iterator[ValidationRow]:
    """Judge every submission of every problem, several at once; rows come as they finish.

    A problem without tests or without a reference solution gives a row of its own that is not `ok`.

    Raises:
        SandboxUnavailableError: no sandbox can be started on this machine.
    """
    unjudged: list[ValidationRow] = []
    for (problem, submission), judgement in judge.judge_all(_judgeable(problems, unjudged)):
        yield from _taken(unjudged)
        yield _row(problem, submission, judgement)
    yield from _taken(unjudged)


_Item = tuple[tuple[Problem, Submission], Program, Problem]


def _judgeable(problems: Iterable[Problem], unjudged: list[ValidationRow]) -> Iterator[_Item]:
    """What can be judged; rows for what cannot are put in `unjudged`."""
    for problem in problems:
        if not problem.tests:
            unjudged.append(_complaint(problem, "the problem has no tests"))
        if not problem.accepted:
            unjudged.append(
                _complaint(problem, "the problem has no reference solution (submissions/accepted)")
            )
        for submission in problem.submissions:
            if submission.language in LANGUAGES:
                yield (problem, submission), Program(submission.language, submission.text), problem
            else:
                known = ", ".join(sorted(LANGUAGES))
                detail = f"language {submission.language!r} is not one the judge can run; it runs: {known}"
                unjudged.append(
                    ValidationRow(
                        problem.problem_id, submission.name, submission.expected_verdicts, None, detail
                    )
                )


def _complaint(problem: Problem, detail: str) -> ValidationRow:
    return ValidationRow(problem.problem_id, "", frozenset({str(Verdict.AC)}), None, detail)


def _row(problem: Problem, submission: Submission, judgement: Judgement) -> ValidationRow:
    return ValidationRow(
        problem_id=problem.problem_id,
        submission=submission.name,
        expected=submission.expected_verdicts,
        judged=judgement.verdict,
        detail=_describe(judgement),
        judgement=judgement,
    )


def _describe(judgement: Judgement) -> str:
    """The judgement in one line."""
    parts = [f"{judgement.passed}/{judgement.total} tests", f"{judgement.cpu_seconds:.2f} s"]
    parts.append(f"{judgement.peak_memory_bytes / 2**20:.0f} MiB")
    if judgement.first_failed_test is not None:
        parts.append(f"first failed: {judgement.first_failed_test}")
    if judgement.detail and judgement.detail.get("message"):
        parts.append(str(judgement.detail["message"]).splitlines()[0])
    return ", ".join(parts)


def _taken(rows: list[ValidationRow]) -> list[ValidationRow]:
    taken = rows.copy()
    rows.clear()
    return taken
