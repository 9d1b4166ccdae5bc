"""The file system of a bubblewrap sandbox, as arguments of bwrap.

Read-only: the system's programs and libraries, the interpreter, the program's files and a made-up
/etc. Writable, private and bounded: `traces.WRITABLE`. Covered by empty directories: installed Python
packages, pseudo-terminals (the whole system has few of them), and /proc/1, where the agent's statistics
would sum up earlier runs. Everything else of the host is absent.

/proc is read-only as a whole: its sysctls for inter-process communication belong to the sandbox's own user
and would carry a number from one run to the next, and so would the access time of each of its directories.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from judge.errors import SandboxUnavailableError
from judge.sandbox import agent, traces, usage
from judge.sandbox.interpreter import Interpreter
from judge.sandbox.pipes import sealed_file
from judge.sandbox.session import FILE_BYTES

AGENT_DIR = "/agent"
_AGENT = {"sitecustomize": agent, "judge/sandbox/traces": traces, "judge/sandbox/usage": usage}

_SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/share/zoneinfo")
_TOP_LEVEL = ("/bin", "/lib", "/lib32", "/lib64", "/libx32")  # links into /usr on today's systems
_ETC = ("/etc/ld.so.cache", "/etc/localtime")
_PASSWD = b"runner:x:1000:1000::/box:/bin/sh\n"
_GROUP = b"runner:x:1000:\n"
_COMPILE = """
import sys, importlib._bootstrap_external as external
code = compile(sys.stdin.buffer.read(), sys.argv[1], "exec", dont_inherit=True, optimize=2)
sys.stdout.buffer.write(external._code_to_timestamp_pyc(code))
"""


def system_arguments(interpreter: Interpreter, shown_at: Path | None) -> list[str]:
    """The part that is the same for every program.

    Args:
        interpreter: what runs the program.
        shown_at: where the interpreter's prefix is found on the way down, if not at its own place.
    """
    arguments: list[str] = []
    for path in _SYSTEM:
        arguments += ["--ro-bind-try", path, path]
    for path in _TOP_LEVEL:
        if os.path.islink(path):  # noqa: PTH114
            arguments += ["--symlink", str(Path(path).readlink()), path]
        else:
            arguments += ["--ro-bind-try", path, path]
    for directory in interpreter.bound_directories():
        source = shown_at / directory.relative_to(interpreter.prefix) if shown_at else directory
        arguments += ["--ro-bind", str(source), str(directory)]
    for directory in interpreter.package_directories():
        arguments += _covered(str(directory))
    for path in _ETC:
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--proc", "/proc", *_covered("/proc/1"), "--remount-ro", "/proc"]
    arguments += ["--dev", "/dev", *_covered("/dev/pts")]
    for directory_name in traces.WRITABLE:
        arguments += ["--size", str(FILE_BYTES), "--perms", "1777", "--tmpfs", directory_name]
    return arguments


def _covered(directory: str) -> list[str]:
    return ["--tmpfs", directory, "--remount-ro", directory]


class DataFiles:
    """Files that bwrap writes into the sandbox from descriptors, which stay open until `close`."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []

    def place(self, files: Mapping[str, bytes]) -> list[str]:
        """The arguments that put each content at its path inside."""
        return [word for path, data in files.items() for word in ("--file", str(self.open(data)), path)]

    def open(self, data: bytes) -> int:
        """A descriptor of a sealed file that holds `data`."""
        self.descriptors.append(sealed_file(data))
        return self.descriptors[-1]

    def close(self) -> None:
        """Close every descriptor."""
        while self.descriptors:
            os.close(self.descriptors.pop())


@cache
def fixed_files(interpreter: Interpreter) -> dict[str, bytes]:
    """The files that every sandbox has: the agent, and names for the only user.

    Raises:
        SandboxUnavailableError: the interpreter does not work.
    """
    files = {"/etc/passwd": _PASSWD, "/etc/group": _GROUP}
    for name, module in _AGENT.items():
        path = f"{AGENT_DIR}/{name}"
        files[f"{path}.pyc"] = _compiled(interpreter, Path(str(module.__file__)).read_bytes(), path)
    return files


def _compiled(interpreter: Interpreter, source: bytes, module: str) -> bytes:
    """A file of the agent as bytecode: compiling it anew would be a fifth of a sandbox's start."""
    command = [str(interpreter.executable), "-I", "-S", "-c", _COMPILE, f"{module}.py"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "backslashreplace").strip()
        raise SandboxUnavailableError(
            f"the Python interpreter {interpreter.executable} does not work: {said}", "Mend or reinstall it."
        )
    return done.stdout
