"""Judges programs: runs them on a problem's tests in a sandbox and gives the verdict.

A program's sandbox is started once and serves all its tests as long as each leaves it as it was; a test that does not
is followed by a new sandbox. Tests run in the problem's order and, unless all are asked for, up to
the first that fails.

When several limits were broken at once the verdict is, in this order: MLE, TLE, OLE, RE. A program that
printed the right answer and then failed gets RE. Python's own MemoryError, uncaught, is MLE. Where the
sandbox, a validator or the machine fails, the program is judged anew, three times in all, and then gets
INTERNAL_ERROR with the reason: never a verdict that blames the program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Self, TypeVar

from judge.checkers import CheckResult, check
from judge.errors import JudgeError, SandboxFaultError, SandboxUnavailableError, ValidatorError
from judge.languages import encode_source, language_named
from judge.sandbox import ProgramFiles, RunRequest, RunResult, Sandbox, SandboxFactory, open_factory
from judge.sandbox.base import WORK_DIR, Exceeded, input_path
from judge.verdict import Judgement, Program, TestResult, Verdict
from problems.problem import MIB, CheckerSpec, Limits, Problem, TestCase

SCHEMA_VERSION = 1
JUDGE_VERSION = 1  # raised whenever a verdict may come out differently
ATTEMPTS = 3
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

Key = TypeVar("Key")


class Judge:
    """Judges programs, several at once.

    Args:
        sandbox: the kind of sandbox; "auto" takes the embedded one.
        jobs: programs judged at the same time by `judge_all`; more than there are processors makes wall times worse.
        all_tests: go on after a failing test.

    Raises:
        SandboxError: the sandbox is not known or does not work here; the text holds the remedy.
    """

    def __init__(self, sandbox: str = "auto", jobs: int = 2, *, all_tests: bool = False) -> None:
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}; it must be at least 1")
        self._factory = open_factory(sandbox)
        self._jobs = jobs
        self._all_tests = all_tests
        self.name = f"{self._factory.name}/{JUDGE_VERSION}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free what the judge holds. No judging may be going on."""
        self._factory.close()

    def describe(self) -> str:
        """The sandbox that is used, in one line."""
        return self._factory.describe()

    def judge(self, program: Program | None, problem: Problem) -> Judgement:
        """The judgement on `program`; None stands for a completion without one, and gets NO_CODE.

        Raises:
            UnknownLanguageError: the program's language is not one the judge can run.
            SandboxUnavailableError: no sandbox can be started on this machine.
        """
        return self._judge(program, problem, threading.Event())

    def judge_all(
        self, items: Iterable[tuple[Key, Program | None, Problem]]
    ) -> Iterator[tuple[Key, Judgement]]:
        """Judge many programs, `jobs` at a time, and yield each judgement with its key as soon as it is there.

        `items` is read a few items ahead, in the calling thread. When the iterator is closed early, tests
        that are running are let finish, and nothing else is started.

        Raises:
            UnknownLanguageError, SandboxUnavailableError: as `judge`; the rest is not judged.
        """
        stop = threading.Event()
        pending: dict[Future[Judgement], Key] = {}
        with ThreadPoolExecutor(self._jobs, thread_name_prefix="judge") as pool:
            try:
                for key, program, problem in items:
                    pending[pool.submit(self._judge, program, problem, stop)] = key
                    if len(pending) > 2 * self._jobs:
                        yield from _finished(pending)
                while pending:
                    yield from _finished(pending)
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _judge(self, program: Program | None, problem: Problem, stop: threading.Event) -> Judgement:
        if program is None:
            return dataclasses.replace(_Tally(problem).judgement(), verdict=Verdict.NO_CODE, judge=self.name)
        files = _program_files(program)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                judgement = self._attempt(files, problem, stop)
                return dataclasses.replace(judgement, attempts=attempt, judge=self.name)
            except SandboxUnavailableError:
                raise
            except (JudgeError, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
        failed = _Tally(problem).judgement()
        detail = {"message": reason}
        return dataclasses.replace(
            failed, verdict=Verdict.INTERNAL_ERROR, detail=detail, attempts=ATTEMPTS, judge=self.name
        )

    def _attempt(self, files: ProgramFiles, problem: Problem, stop: threading.Event) -> Judgement:
        tally = _Tally(problem)
        with (
            _WarmProgram(self._factory, files, problem.limits) as program,
            _Validator(self._factory, problem.checker) as validator,
        ):
            for test in problem.tests:
                if stop.is_set():
                    raise CancelledError
                result = _run_test(program, validator, problem, test)
                tally.add(test, result)
                if result.verdict != Verdict.AC and not self._all_tests:
                    break
        return tally.judgement()


def judgement_row(judgement: Judgement) -> dict[str, Any]:
    """The judgement as a verdict row of JSON values, but for the fields that say whose it is."""
    row = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(judgement)}
    return row | {"verdict": str(judgement.verdict)}


class _WarmProgram:
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


class _Validator:
    """The problem's own output validator, in a sandbox of its own that serves one judged program."""

    def __init__(self, factory: SandboxFactory, checker: CheckerSpec) -> None:
        self._flags = checker.validator_flags
        self._runs = 0
        self._program = _WarmProgram(factory, _validator_files(checker), VALIDATOR_LIMITS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.__exit__()

    def __call__(self, output: bytes, answer: bytes, input: bytes) -> CheckResult:  # noqa: A002
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
        if result.exceeded or result.exit_code not in (_ACCEPT, _REJECT):
            ended = result.exceeded or (
                result.exit_code if result.signal is None else f"signal {result.signal}"
            )
            raise ValidatorError(f"the output validator failed ({ended}): {_cut(result.stderr)}")
        accepted = result.exit_code == _ACCEPT
        return CheckResult(
            accepted, "" if accepted else _cut(result.collected) or "rejected by the validator"
        )


class _Tally:
    """The results of a program's tests as they come in."""

    def __init__(self, problem: Problem) -> None:
        self._results: list[TestResult] = []
        samples = len(problem.sample_tests)
        self._groups = {
            "sample": {"passed": 0, "total": samples},
            "secret": {"passed": 0, "total": len(problem.tests) - samples},
        }

    def add(self, test: TestCase, result: TestResult) -> None:
        self._results.append(result)
        self._groups["sample" if test.sample else "secret"]["passed"] += result.verdict == Verdict.AC

    def judgement(self) -> Judgement:
        failed = next((result for result in self._results if result.verdict != Verdict.AC), None)
        return Judgement(
            verdict=failed.verdict if failed else Verdict.AC,
            passed=sum(group["passed"] for group in self._groups.values()),
            total=sum(group["total"] for group in self._groups.values()),
            groups=self._groups,
            first_failed_test=failed.name if failed else None,
            detail=dataclasses.asdict(failed) | {"verdict": str(failed.verdict)} if failed else None,
            cpu_seconds=max((r.cpu_seconds for r in self._results), default=0.0),
            wall_seconds=max((r.wall_seconds for r in self._results), default=0.0),
            peak_memory_bytes=max((r.peak_memory_bytes for r in self._results), default=0),
        )


def _run_test(program: _WarmProgram, validator: _Validator, problem: Problem, test: TestCase) -> TestResult:
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


def _program_files(program: Program) -> ProgramFiles:
    language = language_named(program.language)
    return ProgramFiles(entry=language.source_name, files={language.source_name: encode_source(program.text)})


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


def _finished(pending: dict[Future[Judgement], Key]) -> Iterator[tuple[Key, Judgement]]:
    """Wait for the first of `pending`, then take out all that have finished."""
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        yield pending.pop(future), future.result()


def _cut(data: bytes) -> str:
    """The first `DETAIL_CHARS` characters of some text."""
    text = data[: 4 * DETAIL_CHARS].decode("utf-8", "backslashreplace")
    return text[:DETAIL_CHARS]


def _cut_front(data: bytes) -> str:
    """The last `DETAIL_CHARS` characters of some text: a traceback says most at its end."""
    return data.decode("utf-8", "backslashreplace")[-DETAIL_CHARS:]
