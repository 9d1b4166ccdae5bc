"""Runs one program on one test at a time, and says what each said of it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Self

from judge.checkers import CheckResult, check
from judge.errors import ValidatorError
from judge.sandbox import Exceeded, ProgramFiles, RunRequest, RunResult, Sandbox, SandboxFactory
from judge.sandbox.base import WORK_DIR, input_path
from judge.verdict import TestResult, Verdict
from problems.problem import MIB, CheckerSpec, Limits, Problem, TestCase

DETAIL_CHARS = 2000
VALIDATOR_LIMITS = Limits(cpu_seconds=30.0, memory_bytes=1024 * MIB, output_bytes=MIB)

_ACCEPT, _REJECT = 42, 43  # a validator's exit statuses
_BROKEN = {
    Exceeded.MEMORY: Verdict.MLE,
    Exceeded.CPU_TIME: Verdict.TLE,
    Exceeded.WALL_TIME: Verdict.TLE,
    Exceeded.OUTPUT: Verdict.OLE,
    Exceeded.FILES: Verdict.RE,
}


class WarmProgram:
    """A program in a sandbox that is replaced as soon as a run has left traces in it."""

    def __init__(self, factory: SandboxFactory, files: ProgramFiles, limits: Limits) -> None:
        self._factory = factory
        self._files = files
        self._limits = limits
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()

    def run(self, request: RunRequest) -> RunResult:
        """One run of the program; raises as `SandboxFactory.start` and `Sandbox.run` do."""
        if self._sandbox is None:
            self._sandbox = self._factory.start(self._files, self._limits)
        result = self._sandbox.run(request)
        if not result.reusable:
            self._discard()
        return result

    def _discard(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None


class OutputValidator:
    """The problem's own output validator, in a sandbox of its own that serves one judged program."""

    def __init__(self, factory: SandboxFactory, checker: CheckerSpec) -> None:
        self._flags = checker.validator_flags
        self._runs = 0
        self._program = WarmProgram(factory, _validator_files(checker), VALIDATOR_LIMITS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def __call__(self, output: bytes, answer: bytes, input: bytes) -> CheckResult:  # noqa: A002
        """Whether the validator accepts `output`.

        A validator that crashes is often one that takes for granted that the output has a certain form. Where
        it crashes on `output` and accepts `answer` in its place, the fault is the output's.

        Raises:
            ValidatorError: it broke its limits, or ended with another status than 42 and 43 not only because
                of the output.
            SandboxError: its sandbox failed.
        """
        result = self._run(output, answer, input)
        if result.exit_code == _ACCEPT:
            return CheckResult(accepted=True)
        if result.exit_code == _REJECT:
            return CheckResult(accepted=False, message=_cut(result.collected) or "rejected by the validator")
        _, said = _verdict_of_run(result)
        said = f"the output validator failed ({said}): {_cut_front(result.stderr)}"
        if self._run(answer, answer, input).exit_code == _ACCEPT:
            return CheckResult(accepted=False, message=f"not an output that can be validated: {said}")
        raise ValidatorError(said)

    def _run(self, output: bytes, answer: bytes, input: bytes) -> RunResult:  # noqa: A002
        self._runs += 1
        feedback = f"{WORK_DIR}/feedback-{self._runs}"
        request = RunRequest(
            stdin=output,
            limits=VALIDATOR_LIMITS,
            arguments=(input_path(0), input_path(1), f"{feedback}/", *self._flags),
            inputs=(input, answer),
            scratch=feedback,
            collect=f"{feedback}/judgemessage.txt",
        )
        result = self._program.run(request)
        if result.exceeded:
            raise ValidatorError(f"the output validator: {result.exceeded} limit exceeded")
        return result


def run_test(
    program: WarmProgram, validator: OutputValidator, problem: Problem, test: TestCase
) -> TestResult:
    """Run the program on one test and compare what it printed.

    Raises:
        JudgeError: the sandbox or the validator failed.
        OSError: the test's data cannot be read.
    """
    stdin, answer = test.input(), test.answer()
    run = program.run(RunRequest(stdin=stdin, limits=problem.limits))
    verdict, message = _verdict_of_run(run)
    if verdict is Verdict.AC:
        checked = check(problem.checker, run.stdout, answer, stdin, validator)
        verdict, message = Verdict.AC if checked.accepted else Verdict.WA, checked.message
    return TestResult(
        name=test.name,
        verdict=verdict,
        cpu_seconds=round(run.cpu_seconds, 6),
        wall_seconds=round(run.wall_seconds, 6),
        peak_memory_bytes=run.peak_memory_bytes,
        exit_code=run.exit_code,
        signal=run.signal,
        input=_cut(stdin),
        expected=_cut(answer),
        actual=_cut(run.stdout),
        stderr=_cut_front(run.stderr),
        message=message,
    )


def _verdict_of_run(run: RunResult) -> tuple[Verdict, str]:
    """What the run alone says; AC stands for a run whose output is to be checked."""
    if run.exceeded:
        return _BROKEN[run.exceeded], f"{run.exceeded} limit exceeded"
    if run.signal is not None:
        return Verdict.RE, f"killed by signal {run.signal}"
    if run.exit_code != 0:
        last = run.stderr.rstrip().rpartition(b"\n")[2]
        memory = run.exit_code == 1 and last.startswith(b"MemoryError")
        return Verdict.MLE if memory else Verdict.RE, f"exit status {run.exit_code}"
    return Verdict.AC, ""


def _validator_files(checker: CheckerSpec) -> ProgramFiles:
    """The validator's files, at their places relative to the entry point's directory."""
    if not checker.validator_files:
        return ProgramFiles(entry="", files={})
    entry = checker.validator_files[0]
    files = {}
    for path in checker.validator_files:
        inside = path.relative_to(entry.parent) if path.is_relative_to(entry.parent) else path.name
        files[str(PurePosixPath(inside))] = path.read_bytes()
    return ProgramFiles(entry=entry.name, files=files)


def _cut(data: bytes) -> str:
    """The first `DETAIL_CHARS` characters of some text."""
    text = data[: 4 * DETAIL_CHARS].decode("utf-8", "backslashreplace")
    return text[:DETAIL_CHARS]


def _cut_front(data: bytes) -> str:
    """The last `DETAIL_CHARS` characters of some text: a traceback says most at its end."""
    return data.decode("utf-8", "backslashreplace")[-DETAIL_CHARS:]
