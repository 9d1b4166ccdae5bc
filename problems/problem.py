"""What is to be solved: a problem, its tests, its limits and how an output is compared.

These are the nouns of the package. A source (`problems.sources`) makes them, `sampler.prompting`
reads the statement, `judge` reads the tests, the limits and the checker. All of them are frozen and
cheap to pickle: test data of a package stays on disk and travels by path.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MIB = 1024 * 1024


class ProblemError(Exception):
    """A problem set, a package or a filter that cannot be used; the text names it and the remedy."""


@dataclass(frozen=True)
class TestCase:
    """One test: what the program reads and what the checker compares its output with.

    `input_data` and `answer_data` are the bytes themselves or the path of the file that holds them.
    """

    __test__ = False  # keeps pytest from collecting the class

    name: str  # unique within its problem, such as "sample/1" or "secret/07-max"
    input_data: bytes | Path
    answer_data: bytes | Path
    sample: bool = False  # shown in the statement

    def input(self) -> bytes:
        """The bytes the program reads from its standard input.

        Raises:
            OSError: the file of a test kept on disk cannot be read.
        """
        return self.input_data if isinstance(self.input_data, bytes) else self.input_data.read_bytes()

    def answer(self) -> bytes:
        """The judge's answer; it never enters a sandbox that runs a candidate program.

        Raises:
            OSError: the file of a test kept on disk cannot be read.
        """
        return self.answer_data if isinstance(self.answer_data, bytes) else self.answer_data.read_bytes()


@dataclass(frozen=True)
class Limits:
    """What one run of a program on one test may use."""

    cpu_seconds: float = 2.0  # of all its processes together
    wall_seconds: float | None = None  # None: three times the CPU time and two seconds more
    memory_bytes: int = 512 * MIB
    output_bytes: int = 8 * MIB
    processes: int = 64  # processes and threads

    @property
    def wall_limit_seconds(self) -> float:
        """The wall-clock limit in force."""
        return self.wall_seconds if self.wall_seconds is not None else 3.0 * self.cpu_seconds + 2.0


@dataclass(frozen=True)
class CheckerSpec:
    """How an output is compared with the answer.

    `tokens` compares whitespace-separated tokens; where a tolerance is given, tokens that are numbers
    may differ by it (the flags of the Kattis default validator). `validator` runs the problem's own
    output validator (ICPC package format: `validator input answer feedback_dir [flags] < output`,
    exit status 42 accepts, 43 rejects).
    """

    kind: Literal["tokens", "validator"] = "tokens"
    case_sensitive: bool = False
    space_change_sensitive: bool = False
    float_absolute_tolerance: float | None = None
    float_relative_tolerance: float | None = None
    validator_files: tuple[Path, ...] = ()  # kind == "validator": the program's files, entry point first
    validator_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """A program that ships with a problem, and the verdicts that it may get."""

    name: str  # path below submissions/, such as "wrong_answer/greedy.py"
    language: str
    text: str
    expected_verdicts: frozenset[str]  # {"AC"} for a reference solution


@dataclass(frozen=True)
class Problem:
    """A problem statement with its tests."""

    problem_id: str  # unique within its problem set
    title: str
    statement: str  # Markdown: task, input, output, constraints
    tests: tuple[TestCase, ...]  # in the order in which they are run: samples first
    limits: Limits = field(default_factory=Limits)
    checker: CheckerSpec = field(default_factory=CheckerSpec)
    difficulty: str | None = None
    tags: tuple[str, ...] = ()
    date: datetime.date | None = None
    submissions: tuple[Submission, ...] = ()
    source: str | None = None

    @property
    def sample_tests(self) -> tuple[TestCase, ...]:
        """The tests that the statement shows."""
        return tuple(test for test in self.tests if test.sample)

    @property
    def accepted(self) -> tuple[Submission, ...]:
        """The reference solutions."""
        return tuple(s for s in self.submissions if s.expected_verdicts == frozenset({"AC"}))

    def digest(self) -> str:
        """SHA-256 (hex) over all that a sample or a verdict depends on: statement, tests, limits, checker."""
        sha = hashlib.sha256()
        for part in self._digest_parts():
            sha.update(len(part).to_bytes(8, "little"))
            sha.update(part)
        return sha.hexdigest()

    def _digest_parts(self) -> Iterator[bytes]:
        checker = self.checker
        settings = (
            self.problem_id,
            self.title,
            self.statement,
            self.limits,
            checker.kind,
            checker.case_sensitive,
            checker.space_change_sensitive,
            checker.float_absolute_tolerance,
            checker.float_relative_tolerance,
            checker.validator_flags,
        )
        yield repr(settings).encode("utf-8", "surrogatepass")
        for path in checker.validator_files:
            yield path.name.encode()
            yield path.read_bytes()
        for test in self.tests:
            yield test.name.encode("utf-8", "surrogatepass")
            yield test.input()
            yield test.answer()
