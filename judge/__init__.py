"""Untrusted programs in, verdicts out.

    with Judge(sandbox="auto", jobs=2) as judge:
        judgement = judge.judge(Program(language="python", text="print(42)"), problem)

Every program runs in a sandbox, the problem's answers never enter it, and whatever it does becomes a verdict.
"""

from __future__ import annotations

from judge.errors import (
    JudgeError,
    ProgramsFileError,
    SandboxError,
    SandboxFaultError,
    SandboxUnavailableError,
    UnknownLanguageError,
    ValidatorError,
)
from judge.judge import Judge, judgement_row
from judge.verdict import Judgement, Program, TestResult, Verdict

__all__ = [
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
]
