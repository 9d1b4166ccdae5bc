"""The contract between the judge and a sandbox.

A `SandboxFactory` starts sandboxes of one kind. A `Sandbox` holds the files of one program and runs it
as often as it is asked to, each time afresh: new process, empty working directory, nothing of an earlier
run left. What a program may do in there is bounded by the `Limits` of the run; what it did comes back as
a `RunResult`. The judge turns that into a verdict; a sandbox knows neither verdicts nor answers.

Whoever implements this keeps four promises:

1. The program sees no file of the host but the language's own installation, no network, no environment
   variable of ours, no process outside, and no input but that of the run.
2. Nothing that it prints, sends, leaves behind or destroys changes what the sandbox reports of it, but
   for its own output and exit status.
3. When `close` returns, and also when this process is killed, no process of the sandbox is left.
4. `SandboxFaultError` means that the sandbox failed. A program that misbehaves is a `RunResult`.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from problems.problem import Limits

PROGRAM_DIR = "/program"  # where a program's files lie, read-only
WORK_DIR = "/box"  # where it runs: empty, writable


class Exceeded(enum.StrEnum):
    """The limit that ended a run, the most certain first."""

    MEMORY = "memory"
    CPU_TIME = "cpu time"
    WALL_TIME = "wall time"
    OUTPUT = "output"
    FILES = "files"


@dataclass(frozen=True)
class ProgramFiles:
    """The files of a program: name below `PROGRAM_DIR` -> content; `entry` is the one to run."""

    entry: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class RunRequest:
    """One run of the program.

    `inputs` are more inputs, which the program finds read-only at `input_path(0)`, `input_path(1)`, ...
    `scratch` is a directory to be made below `WORK_DIR` before the run, and `collect` a file whose first
    `COLLECT_BYTES` are wanted afterwards (b"" where it is no regular file). A run with a scratch directory
    leaves it behind, so `RunResult.reusable` says nothing of what else such a run left.
    """

    stdin: bytes
    limits: Limits
    arguments: tuple[str, ...] = ()
    inputs: tuple[bytes, ...] = ()
    scratch: str = ""
    collect: str = ""


COLLECT_BYTES = 4096


def input_path(index: int) -> str:
    """Where a program finds input number `index` of its run."""
    return f"/proc/self/fd/{3 + index}"


@dataclass(frozen=True)
class RunResult:
    """What one run did.

    Exactly one of `exit_code` and `signal` is set. `stdout` holds at most the output limit, `stderr` the
    first and the last of it. `cpu_seconds` and `peak_memory_bytes` are of all processes together.
    `reusable` tells whether the sandbox is as it was before the run; if not it must be closed.
    """

    stdout: bytes
    stderr: bytes
    exit_code: int | None
    signal: int | None
    cpu_seconds: float
    wall_seconds: float
    peak_memory_bytes: int
    exceeded: Exceeded | None = None
    collected: bytes = b""
    reusable: bool = True


class Sandbox(abc.ABC):
    """One program's sandbox. Used by one thread: the one that started it, which must outlive it."""

    @abc.abstractmethod
    def run(self, request: RunRequest) -> RunResult:
        """Run the program once.

        Raises:
            SandboxFaultError: the sandbox failed; close it.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """End every process of the sandbox and free all it holds. May be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class SandboxStatus:
    """Whether a kind of sandbox works here; `remedy` is empty where it does."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    notes: tuple[str, ...] = field(default=())


class SandboxFactory(abc.ABC):
    """Starts sandboxes of one kind. May be used by several threads at once."""

    name: str

    @abc.abstractmethod
    def start(self, program: ProgramFiles, limits: Limits) -> Sandbox:
        """A new sandbox that holds `program`; its runs ask for no more memory and processes than `limits`.

        Raises:
            SandboxUnavailableError: this machine cannot start any.
            SandboxFaultError: this one did not start.
        """

    @abc.abstractmethod
    def describe(self) -> str:
        """What the sandbox is made of here, in one line: versions, and what enforces each limit."""

    @abc.abstractmethod
    def close(self) -> None:
        """Free what the factory itself holds; its sandboxes have been closed before."""
