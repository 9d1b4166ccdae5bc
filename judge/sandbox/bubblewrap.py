"""The embedded sandbox: one bubblewrap process per program, with the agent as its process 1.

Theory of operation
-------------------
    judge (this process)
      `- sh: enters the control group, sets the stack limit, then becomes
         nsenter and setpriv (only as root, see `judge.sandbox.descent`), and then
         bwrap (outer): makes the namespaces, watches, dies with the judge's thread
           `- bwrap (inner), which becomes python = the agent, process 1 of its own PID namespace
                `- one process a run, and whatever that starts

When any of the upper ones dies, the kernel kills all below: the inner bwrap has asked to be killed with
its parent, and the end of process 1 ends its PID namespace. So a judge that is killed leaves nothing
behind but an empty control group, which the next judge sweeps.

The agent is described in `judge.sandbox.agent`, the conversation with it in `judge.sandbox.session`, the
file system inside in `judge.sandbox.rootfs`, the forbidden system calls in `judge.sandbox.seccomp`.

Not covered
-----------
- Faults of the kernel itself, and what programs can learn from shared hardware (caches, timing) and from
  counters of the whole kernel (/proc/stat, inode numbers of pipes and sockets), which others move too.
- A program can tell how many tests it was run on before in the same sandbox, from its process number or from
  an inode number; nothing of what those tests were. It can wait for no answer that way: none is in there.
- /proc/cmdline, /proc/meminfo and /proc/self/mountinfo show the kernel's arguments, the machine's size and
  the paths of what is mounted.
- Record locks (fcntl) for reading on files of the host; flock and leases are refused.
- What the kernel counts by user where the judge is not root: programs can use up its watches of epoll, and
  the pages of its pipes until new ones get few. A user of its own for judging keeps that from others.
- With resource limits in place of control groups, what is between two looks (25 ms) is seen only in part: the
  CPU time of children that live shorter and that nobody waits for, and shared memory of which all but a
  small mapping has been given back. Memory of the kernel itself (socket and pipe buffers) is bounded by the
  number of open files and processes alone.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
from typing import Literal

from judge.errors import SandboxFaultError, SandboxUnavailableError
from judge.sandbox import agent
from judge.sandbox.base import (
    PROGRAM_DIR,
    WORK_DIR,
    ProgramFiles,
    RunRequest,
    RunResult,
    Sandbox,
    SandboxFactory,
)
from judge.sandbox.cgroup import Cgroup, CgroupTree
from judge.sandbox.descent import Descent
from judge.sandbox.interpreter import find_interpreter
from judge.sandbox.rootfs import AGENT_DIR, DataFiles, fixed_files, system_arguments
from judge.sandbox.seccomp import filter_program
from judge.sandbox.session import AgentSession
from problems.problem import MIB, Limits

MINIMUM_VERSION = (0, 6)  # --size
MINIMUM_KERNEL = (5, 14)  # limits on processes are counted by user namespace, not by user
OPEN_FILES = 1 << 16  # for the judge; programs get far fewer
INSTALL_REMEDY = "Install it: sudo apt-get install bubblewrap"
NAMESPACE_REMEDY = (
    "Allow unprivileged user namespaces. Ubuntu 24.04 and later: "
    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 ; other systems: "
    "sudo sysctl -w user.max_user_namespaces=15000 ; in a Docker container: start it with --security-opt "
    "seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
)

# When memory runs out, the kernel shall end the sandbox and no other process of the host.
# $1: stack limit in KiB; $2: number of files by which to enter the control group; these; the command
_LAUNCH = (
    "{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; "
    'ulimit -S -s "$1" 2>/dev/null || ulimit -S -s "$(ulimit -H -s)"; n=$2; shift 2; '
    'while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 1; shift; n=$((n - 1)); done; exec "$@"'
)
_ISOLATION = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--as-pid-1", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv"),
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": WORK_DIR,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONINTMAXSTRDIGITS": "0",
    "PYTHONPATH": AGENT_DIR,  # the agent takes this one and the next away again
}
_OWN_MEMORY_BYTES = 8 * MIB  # bwrap, kernel objects, and what of the agent's memory a run does not share
_OWN_PROCESSES = 2  # bwrap and the agent
_CLOSE_SECONDS = 1.0  # for a sandbox to end in good order


class BubblewrapFactory(SandboxFactory):
    """Starts bubblewrap sandboxes.

    Args:
        limits_by: what bounds memory and processes. "auto" takes control groups where they can be made;
            "cgroup" and "rlimits" insist.

    Raises:
        SandboxUnavailableError: bubblewrap, a Python, or what is insisted on is missing.

    It raises this process's limit on open files (`OPEN_FILES`). Descriptors that are under way in
    sockets count for the user as a whole, and the limit of whoever sends more decides: programs, which run as
    the same user where that is not root, shall be refused long before the judge is.
    """

    name = "bubblewrap"

    def __init__(self, limits_by: Literal["auto", "cgroup", "rlimits"] = "auto") -> None:
        _check_kernel(platform.release())
        _raise_open_files()
        self._bwrap, self._version = _find_bwrap()
        self._filter = filter_program()
        self._tree = None if limits_by == "rlimits" else CgroupTree.find()
        if limits_by == "cgroup" and self._tree is None:
            raise SandboxUnavailableError(
                "no control group with memory and pids can be made here",
                "Run as root or in a delegated group (systemd-run --user --scope), or use resource limits.",
            )
        self._interpreter = find_interpreter(unprivileged=os.geteuid() == 0)
        self._descent = Descent(self._interpreter)
        self._files = fixed_files(self._interpreter)
        self._has_worked = False
        self._system = system_arguments(self._interpreter, self._descent.shown_at)

    def start(self, program: ProgramFiles, limits: Limits) -> Sandbox:
        """See `SandboxFactory.start`."""
        with contextlib.ExitStack() as undo:
            cgroup = self._make_cgroup(limits)
            if cgroup:
                undo.callback(cgroup.remove)
            ours, agents = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(ours.close)
            with agents, contextlib.closing(DataFiles()) as data:
                command = self._command(program, limits, cgroup, agents.fileno(), data)
                process = _spawn(command, [agents.fileno(), *data.descriptors, *self._descent.descriptors])
            undo.callback(_end, process)
            session = AgentSession(ours, cgroup)
            try:
                session.await_agent()
            except SandboxFaultError as fault:
                raise _explained(fault, process, worked_before=self._has_worked) from fault
            undo.pop_all()
            self._has_worked = True
            return _BubblewrapSandbox(process, session, ours, cgroup)

    def describe(self) -> str:
        """See `SandboxFactory.describe`."""
        python = ".".join(map(str, self._interpreter.version))
        bounds = f"control groups v{self._tree.version}" if self._tree else "resource limits and sampling"
        return f"bubblewrap {self._version}, Python {python}; memory and processes bounded by {bounds}"

    def close(self) -> None:
        """See `SandboxFactory.close`."""
        self._descent.close()

    def _make_cgroup(self, limits: Limits) -> Cgroup | None:
        if self._tree is None:
            return None
        try:
            return self._tree.make(limits.memory_bytes + _OWN_MEMORY_BYTES, limits.processes + _OWN_PROCESSES)
        except OSError as error:
            raise SandboxFaultError(f"cannot make a control group for the sandbox: {error}") from error

    def _command(
        self, program: ProgramFiles, limits: Limits, cgroup: Cgroup | None, channel: int, data: DataFiles
    ) -> list[str]:
        groups = cgroup.entry_files() if cgroup else []
        stack_kib = (
            max(limits.memory_bytes, 8 * MIB) // 1024
        )  # deep recursion is as legal as any use of memory
        files = self._files | {f"{PROGRAM_DIR}/{name}": text for name, text in program.files.items()}
        environment = _ENVIRONMENT | {agent.SOCKET_VARIABLE: str(channel)}
        return [
            *("/bin/sh", "-c", _LAUNCH, "sh", str(stack_kib), str(len(groups)), *groups),
            *self._descent.command(),
            *(self._bwrap, *_ISOLATION, "--seccomp", str(data.open(self._filter))),
            *(word for name, value in environment.items() for word in ("--setenv", name, value)),
            *self._system,
            *data.place(files),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK_DIR),
            *("--", str(self._interpreter.executable), "-s", f"{PROGRAM_DIR}/{program.entry}"),
        ]


class _BubblewrapSandbox(Sandbox):
    def __init__(
        self,
        process: subprocess.Popen[bytes],
        session: AgentSession,
        channel: socket.socket,
        cgroup: Cgroup | None,
    ) -> None:
        self._process = process
        self._session = session
        self._channel = channel
        self._cgroup = cgroup
        self._closed = False

    def run(self, request: RunRequest) -> RunResult:
        return self._session.run(request)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._channel.close()  # the agent ends when it sees this
        _end(self._process)
        if self._cgroup:
            self._cgroup.remove()


def _spawn(command: list[str], descriptors: list[int]) -> subprocess.Popen[bytes]:
    """Start the sandbox; what goes wrong before the agent speaks is found on its standard error.

    The agent's standard streams are of the kinds that programs get, a file and two pipes, because the
    interpreter sets up its stream objects once, before it hands over to the agent.
    """
    with contextlib.closing(DataFiles()) as empty:
        try:
            return subprocess.Popen(
                command,
                stdin=empty.open(b""),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        except OSError as error:
            raise SandboxFaultError(f"cannot start the sandbox: {error}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for the sandbox to end, a moment in good order and then by force."""
    try:
        process.wait(_CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def _explained(
    fault: SandboxFaultError, process: subprocess.Popen[bytes], *, worked_before: bool
) -> Exception:
    """The fault with what bwrap had to say about it; an unavailability where it has never worked here."""
    process.kill()
    process.wait()
    assert process.stderr
    said = process.stderr.read(4096).decode("utf-8", "backslashreplace").strip()
    if not worked_before and re.search(
        r"namespace|uid map|Can't mount|loopback|pivot_root|Operation not permitted", said
    ):
        return SandboxUnavailableError(f"bubblewrap cannot make a sandbox here: {said}", NAMESPACE_REMEDY)
    return SandboxFaultError(f"{fault}: {said}" if said else str(fault))


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _find_bwrap() -> tuple[str, str]:
    """The path of bwrap and its version."""
    path = shutil.which("bwrap")
    if path is None:
        raise SandboxUnavailableError("bubblewrap (bwrap) is not installed", INSTALL_REMEDY)
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = _numbers(answer)
    if version < MINIMUM_VERSION:
        needed = ".".join(map(str, MINIMUM_VERSION))
        raise SandboxUnavailableError(
            f"{path} says {answer.strip()!r}, but {needed} is needed", INSTALL_REMEDY
        )
    return path, ".".join(map(str, version))


def _check_kernel(release: str) -> None:
    if _numbers(release)[:2] < MINIMUM_KERNEL:
        needed = ".".join(map(str, MINIMUM_KERNEL))
        raise SandboxUnavailableError(
            f"the kernel is Linux {release}", f"Use a machine with Linux {needed} or newer."
        )


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()
