"""Finds the Python interpreter that runs programs in the sandbox, and what of the host it needs.

Programs get the interpreter that runs the judge (below any virtual environment), with its standard
library and nothing else: every site-packages and dist-packages directory is hidden, because programs are
promised plain Python and because an installed Orchard carries its own problems' answers there.

A judge that runs as root gives up its rights before it starts a sandbox, so an interpreter below a
directory that only root may enter (such as /root/.pyenv) must be shown at another place: see
`judge.sandbox.descent`.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from judge.errors import SandboxUnavailableError

MINIMUM = (3, 11)
_SYSTEM = (Path("/usr/bin/python3"), Path("/usr/local/bin/python3"))
_QUESTION = "import sys; print(*sys.version_info[:2], sys.base_prefix)"


@dataclass(frozen=True)
class Interpreter:
    """An interpreter on the host.

    `hidden` is set where the unprivileged user that sandboxes run as cannot reach `prefix`.
    """

    executable: Path
    prefix: Path
    version: tuple[int, int]
    hidden: bool

    def bound_directories(self) -> list[Path]:
        """What the sandbox must show, read-only, besides the system's libraries."""
        directories = [self.prefix / "bin", self.prefix / "lib", self.prefix / "lib64"]
        return [d for d in directories if d.is_dir() and not d.is_symlink() and not _below_usr(d)]

    def package_directories(self) -> list[Path]:
        """Directories of installed packages within what is shown; the sandbox covers them."""
        roots = {self.prefix / "lib", self.prefix / "lib64", Path("/usr/lib"), Path("/usr/lib64")}
        patterns = ("python*/site-packages", "python*/dist-packages")
        return sorted(found for root in roots for pattern in patterns for found in root.glob(pattern))


@cache
def find_interpreter(unprivileged: bool) -> Interpreter:
    """The interpreter for programs; `unprivileged`: sandboxes run as another user than this process.

    Raises:
        SandboxUnavailableError: there is none that can be used.
    """
    own = Interpreter(
        executable=Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)),
        prefix=Path(os.path.realpath(sys.base_prefix)),
        version=sys.version_info[:2],
        hidden=False,
    )
    if not unprivileged or (_open_to_all(own.executable) and _open_to_all(own.prefix / "lib")):
        return own
    if _may_mount():
        return Interpreter(own.executable, own.prefix, own.version, hidden=True)
    found = system_interpreter()
    if found:
        return found
    raise SandboxUnavailableError(
        f"programs run as an unprivileged user, who cannot reach the Python interpreter {own.executable}",
        "Run the judge as an ordinary user, or install Python 3.11 or newer for all users: "
        "sudo apt-get install python3",
    )


def system_interpreter() -> Interpreter | None:
    """A Python of the system's that every user can run, if there is one that is new enough."""
    for candidate in _SYSTEM:
        found = _ask(candidate)
        if found and found.version >= MINIMUM and _open_to_all(found.executable):
            return found
    return None


def _below_usr(directory: Path) -> bool:
    """Whether the system part of the sandbox shows `directory` already."""
    return any(
        directory.is_relative_to(root) for root in (Path("/usr/bin"), Path("/usr/lib"), Path("/usr/lib64"))
    )


def _open_to_all(path: Path) -> bool:
    """Whether any user may reach and read `path`."""
    ways = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
    return ways and bool(path.stat().st_mode & stat.S_IROTH)


def _may_mount() -> bool:
    """Whether this process, as root, may make a mount namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "--propagation", "private", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ask(executable: Path) -> Interpreter | None:
    if not executable.exists():
        return None
    answer = subprocess.run(
        [executable, "-I", "-S", "-c", _QUESTION], capture_output=True, text=True, check=False
    )
    found = re.fullmatch(r"(\d+) (\d+) (.+)\n", answer.stdout)
    if not found:
        return None
    version = (int(found[1]), int(found[2]))
    return Interpreter(Path(os.path.realpath(executable)), Path(found[3]), version, hidden=False)
