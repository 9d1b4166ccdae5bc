"""Judges programs: runs them on a problem's tests in a sandbox and gives the verdict.

A program's sandbox is started once and serves all its tests as long as each leaves it as it was; a test
that does not is followed by a new sandbox. Tests run in the problem's order and, unless all are asked
for, up to the first that fails.

When several limits were broken at once the verdict is, in this order: MLE, TLE, OLE, RE. A program that
printed the right answer and then failed gets RE. Python's own MemoryError, uncaught, is MLE. A program whose
source is longer than `MAX_SOURCE_BYTES` is not run and gets RE, as one that does not parse. Where the
sandbox, a validator or the machine fails, the program is judged anew, three times in all, and then gets
INTERNAL_ERROR with the reason: never a verdict that blames the program.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self, TypeVar

from judge.errors import SandboxUnavailableError
from judge.languages import MAX_SOURCE_BYTES, encode_source, language_named
from judge.rows import SCHEMA_VERSION
from judge.running import OutputValidator, WarmProgram, run_test
from judge.sandbox import ProgramFiles, SandboxFactory, open_factory
from judge.verdict import Judgement, Program, TestResult, Verdict
from problems.problem import Problem, TestCase

JUDGE_VERSION = 1  # raised whenever a verdict may come out differently
ATTEMPTS = 3

Key = TypeVar("Key")


class Judge:
    """Judges programs, several at once.

    Args:
        sandbox: the kind of sandbox, or a factory that the judge then owns; "auto" is the embedded kind.
        jobs: programs judged at the same time by `judge_all`; no more than there are processors.
        all_tests: go on after a failing test.

    Raises:
        SandboxError: the sandbox is not known or does not work here; the text holds the remedy.
    """

    def __init__(
        self, sandbox: str | SandboxFactory = "auto", jobs: int = 2, *, all_tests: bool = False
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs is {jobs}; it must be at least 1")
        self._factory = open_factory(sandbox) if isinstance(sandbox, str) else sandbox
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
        """Judge many programs, `jobs` at a time, and yield each judgement with its key once it is there.

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
            except (SandboxUnavailableError, CancelledError):
                raise
            except Exception as error:  # whatever it is, it is ours: it costs this row a verdict, not the run
                reason = f"{type(error).__name__}: {error}"
        failed = _Tally(problem).judgement()
        detail = {"message": reason}
        return dataclasses.replace(
            failed, verdict=Verdict.INTERNAL_ERROR, detail=detail, attempts=ATTEMPTS, judge=self.name
        )

    def _attempt(self, files: ProgramFiles, problem: Problem, stop: threading.Event) -> Judgement:
        tally = _Tally(problem)
        size = len(files.files[files.entry])
        if size > MAX_SOURCE_BYTES and problem.tests:
            message = f"the source has {size} bytes; a program may have {MAX_SOURCE_BYTES}"
            first = problem.tests[0]
            tally.add(first, TestResult(first.name, Verdict.RE, message=message))
            return tally.judgement()
        with (
            WarmProgram(self._factory, files, problem.limits) as program,
            OutputValidator(self._factory, problem.checker) as validator,
        ):
            for test in problem.tests:
                if stop.is_set():
                    raise CancelledError
                result = run_test(program, validator, problem, test)
                tally.add(test, result)
                if result.verdict != Verdict.AC and not self._all_tests:
                    break
        return tally.judgement()


def judgement_row(judgement: Judgement) -> dict[str, Any]:
    """The judgement as a verdict row of JSON values, but for the fields that say whose it is."""
    row = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(judgement)}
    return row | {"verdict": str(judgement.verdict)}


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


def _program_files(program: Program) -> ProgramFiles:
    language = language_named(program.language)
    return ProgramFiles(entry=language.source_name, files={language.source_name: encode_source(program.text)})


def _finished(pending: dict[Future[Judgement], Key]) -> Iterator[tuple[Key, Judgement]]:
    """Wait for the first of `pending`, then take out all that have finished."""
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        yield pending.pop(future), future.result()
