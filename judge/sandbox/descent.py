"""How a judge that runs as root gives up root on the way into a sandbox.

The sandbox runs as a user number that nobody else has: limits on processes do not bind root, and a mistake
in a namespace would be root's mistake. That user may be unable to reach root's own Python below /root.
Then the interpreter is shown to it by a bind mount, in a mount namespace that is made once, held by a
descriptor, and entered by every sandbox on its way down; nobody else sees that mount.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

from judge.errors import SandboxUnavailableError
from judge.sandbox.interpreter import Interpreter

SHOWN_AT = Path("/media")  # a directory that every system has; what is in it stays visible to all others
_USERS = range(60578, 61184)  # user numbers that neither systemd nor Debian gives out
_SHOW = 'mount --bind "$1" "$2" && echo ready && read -r _'

_next_user = itertools.count(os.getpid())


class Descent:
    """The commands to be put before bwrap, and the descriptors that they need. Empty unless root."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._as_root = os.geteuid() == 0
        self.descriptors = [_showing(interpreter.prefix)] if self._as_root and interpreter.hidden else []

    @property
    def shown_at(self) -> Path | None:
        """Where the interpreter's prefix is found after the descent, if not at its own place."""
        return SHOWN_AT if self.descriptors else None

    def command(self) -> list[str]:
        """The words to put before the command that shall run unprivileged."""
        if not self._as_root:
            return []
        user = _USERS[next(_next_user) % len(_USERS)]
        enter = [
            word for number in self.descriptors for word in ("nsenter", f"--mount=/proc/self/fd/{number}")
        ]
        return [*enter, "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all"]

    def close(self) -> None:
        """Let go of the mount namespace."""
        while self.descriptors:
            os.close(self.descriptors.pop())


def _showing(prefix: Path) -> int:
    """A descriptor of a new mount namespace that shows `prefix` at `SHOWN_AT`."""
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        _SHOW,
        "sh",
        str(prefix),
        str(SHOWN_AT),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdin
        assert process.stdout
        answer = process.stdout.readline()
        if answer != b"ready\n":
            raise SandboxUnavailableError(
                f"cannot show {prefix} to the sandbox: {answer.decode(errors='replace').strip()}",
                "Run the judge as an ordinary user, or install Python 3.11 or newer for all users.",
            )
        namespace = os.open(f"/proc/{process.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        process.stdin.close()
    return namespace
