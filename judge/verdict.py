"""The verdicts, and the judgement that carries one."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Verdict(enum.StrEnum):
    """What the judge says of a program. The text of a member is what rows hold."""

    AC = "AC"  # accepted: every test that was run passed
    WA = "WA"  # wrong answer
    TLE = "TLE"  # CPU time or wall time over the limit
    MLE = "MLE"  # memory over the limit
    RE = "RE"  # run-time error: exit status not 0, or killed by a signal of its own making
    OLE = "OLE"  # output over the limit
    CE = "CE"  # does not compile (languages with a compiler)
    NO_CODE = "NO_CODE"  # the completion holds no program
    INTERNAL_ERROR = "INTERNAL_ERROR"  # the judge failed, never the program


@dataclass(frozen=True)
class Program:
    """A candidate program as the judge takes it."""

    language: str  # a key of judge.languages.LANGUAGES
    text: str


@dataclass(frozen=True)
class TestResult:
    """What one test said of one program."""

    __test__ = False  # keeps pytest from collecting the class

    name: str
    verdict: Verdict
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_memory_bytes: int = 0
    exit_code: int | None = None
    signal: int | None = None
    input: str = ""  # cut to DETAIL_CHARS, as are the next three
    expected: str = ""
    actual: str = ""
    stderr: str = ""
    message: str = ""  # the checker's or the judge's own words


@dataclass(frozen=True)
class Judgement:
    """The verdict on one program, and what is needed to believe it.

    `first_failed_test` is the name of the first failing test in the order in which tests are run;
    `detail` holds that test's result as plain JSON values. With every test passed both are None.
    """

    verdict: Verdict
    passed: int = 0  # tests passed
    total: int = 0  # tests of the problem (not all are run when the first failure stops the judging)
    groups: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # {"sample": {"passed": .., "total": ..}, ..}
    first_failed_test: str | None = None
    detail: dict[str, Any] | None = None
    cpu_seconds: float = 0.0  # the slowest test's
    wall_seconds: float = 0.0  # the slowest test's
    peak_memory_bytes: int = 0  # the largest test's
    attempts: int = 1  # judgings that it took, over INTERNAL_ERRORs
    judge: str = ""  # sandbox and judge version, such as "bubblewrap/1"
