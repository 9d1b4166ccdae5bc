"""Sandboxes: where untrusted programs run. See `judge.sandbox.base` for the contract."""

from __future__ import annotations

from collections.abc import Callable

from judge.errors import SandboxError, SandboxFaultError, SandboxUnavailableError
from judge.sandbox.base import (
    Exceeded,
    ProgramFiles,
    RunRequest,
    RunResult,
    Sandbox,
    SandboxFactory,
    SandboxStatus,
)
from judge.sandbox.bubblewrap import BubblewrapFactory
from problems.problem import Limits

__all__ = [
    "SANDBOXES",
    "Exceeded",
    "ProgramFiles",
    "RunRequest",
    "RunResult",
    "Sandbox",
    "SandboxFactory",
    "SandboxStatus",
    "open_factory",
    "probe_sandbox",
]

SANDBOXES: dict[str, Callable[[], SandboxFactory]] = {"bubblewrap": BubblewrapFactory}

_PROBE = ProgramFiles(entry="solution.py", files={"solution.py": b"print(int(input()) + 1)\n"})


def open_factory(name: str) -> SandboxFactory:
    """The factory of the sandboxes called `name`; "auto" is bubblewrap.

    Raises:
        SandboxError: there is no such kind.
        SandboxUnavailableError: this machine lacks what it needs.
    """
    kind = "bubblewrap" if name == "auto" else name
    if kind not in SANDBOXES:
        known = ", ".join(["auto", *SANDBOXES])
        raise SandboxError(f"sandbox {name!r} is not known; choose one of: {known}")
    return SANDBOXES[kind]()


def probe_sandbox(name: str) -> SandboxStatus:
    """Whether the sandbox called `name` works here, found out by running a small program in it."""
    try:
        factory = open_factory(name)
    except SandboxUnavailableError as error:
        return SandboxStatus(name, ok=False, detail=error.detail, remedy=error.remedy)
    try:
        with factory.start(_PROBE, Limits()) as sandbox:
            result = sandbox.run(RunRequest(stdin=b"41\n", limits=Limits()))
        if result.stdout == b"42\n" and result.exit_code == 0:
            return SandboxStatus(name, ok=True, detail=factory.describe())
        said = result.stderr.decode("utf-8", "backslashreplace")
        return SandboxStatus(name, ok=False, detail=f"a small program failed in it: {said}", remedy=_REPORT)
    except SandboxUnavailableError as error:
        return SandboxStatus(name, ok=False, detail=error.detail, remedy=error.remedy)
    except SandboxFaultError as error:
        return SandboxStatus(name, ok=False, detail=str(error), remedy=_REPORT)
    finally:
        factory.close()


_REPORT = "Please report this with the output of `orchard doctor`."
