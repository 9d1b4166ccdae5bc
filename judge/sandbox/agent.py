"""Runs inside the sandbox as process 1: starts every run of the program afresh, and says how it ended.

Theory of operation
-------------------
The sandbox's command is the plain `python3 /program/solution.py`, with this file on PYTHONPATH under the
name `sitecustomize`. Python imports it when the interpreter is ready and before it opens the script; at
this point the agent takes over and serves the host over one socket. For every run it forks. The parent stays
and watches; the child returns from here, and so the interpreter goes on to do what it was started for:
it opens, compiles and runs the script as `__main__`. A run is thus the real thing (standard streams,
tracebacks, exit codes, atexit, threads, finalization) without the start of an interpreter.

Messages are single packets. Host to agent, with the descriptors of the run's standard input, output, error
and further inputs attached: `REQUEST`, then NUL-separated texts (scratch directory, file to collect,
arguments). One byte (`ABORT`) ends the run that is going on. Agent to host: `HELLO` and the Python
version; then for each run `REPORT` and what was collected, or `FAULT` and a text if the agent failed.

Who may do what: only the agent has the socket; the child closes it before it returns. The agent is
process 1, which no signal from inside reaches, and not dumpable, so its memory and descriptors cannot be
opened; a filter of system calls keeps its limits and priority out of reach. It never interprets anything
that a program wrote. After each run it kills and reaps every other process, then compares the writable
directories with what they were at the start: any difference, even a changed timestamp, makes the sandbox
unfit for another run. It never cleans up; the host throws such a sandbox away.

This file is also imported by the host, for the formats of the messages. It needs nothing but Python 3.11.
"""

# pathlib takes as long to load as all the rest together
# ruff: noqa: PTH102, PTH116, PTH120, PTH123, PTH208, SIM905

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` and `socket` would load enum: a tenth of the start
import _socket
import ctypes
import fcntl
import gc
import math
import os
import resource
import select
import stat
import struct
import sys
import time

REQUEST = struct.Struct("<dqqqqi")  # cpu seconds, data bytes, watched bytes, file bytes, files, processes
REPORT = struct.Struct("<BidddqB")  # reason, wait status, cpu/wall/own seconds, peak memory bytes, unchanged
HELLO, DONE, FAULT, ABORT = b"H", b"D", b"F", b"A"
REASONS = ("", "cpu time", "memory", "files", "aborted")  # what ended a run, by number
MAX_PACKET = 65536
MAX_DESCRIPTORS = 8

SOCKET_VARIABLE = "ORCHARD_AGENT_SOCKET"
WRITABLE = ("/box", "/tmp", "/dev/shm")  # noqa: S108 - names inside the sandbox
PROGRAM = "/program"

_OPEN_FILES = 1024
_CHANNEL = 64  # the socket's number, above all that a run's descriptors take
_THREAD_STACK_BYTES = 8 << 20  # what a shell's `ulimit -s` gives threads; the main thread's own is far larger
_FIRST_LOOK, _LATER_LOOKS = 10, 25  # milliseconds between looks at what a run has used
_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_DUMPABLE = 4
# Loaded before the first fork where the program names them, so that its runs find them warm.
_PRELOAD = tuple(
    "abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions "
    "functools heapq io itertools json math numbers operator queue random re statistics string textwrap "
    "threading time typing".split()
)


class Request:
    """One run as the host asks for it."""

    def __init__(self, packet: bytes) -> None:
        (
            self.cpu_seconds,
            self.data_bytes,  # 0: a control group bounds the memory
            self.watched_bytes,  # 0: as above
            self.file_bytes,
            self.files,
            self.processes,  # 0: a control group bounds the processes
        ) = REQUEST.unpack_from(packet)
        self.scratch, self.collect, *self.arguments = packet[REQUEST.size :].decode("utf-8").split("\0")


class Usage:
    """What the processes of a run have used so far."""

    def __init__(self) -> None:
        self.reaped_before = _reaped_cpu_seconds()
        self.peak_memory_bytes = 0

    def cpu_seconds(self) -> float:
        """User and system time of the ended processes and, to a clock tick, of those that live."""
        return _reaped_cpu_seconds() - self.reaped_before + sum(map(_live_cpu_seconds, _processes()))

    def memory_bytes(self, limit: int) -> int:
        """Resident memory of the living processes; shared pages count once where the sum passes `limit`."""
        resident = sum(map(_resident_bytes, _processes()))
        if resident > limit:
            resident = sum(map(_proportional_bytes, _processes()))
        self.peak_memory_bytes = max(self.peak_memory_bytes, resident)
        return resident


def serve(descriptor: int) -> None:
    """Serve runs until the host goes away. Returns in the child of each run, and nowhere else."""
    channel = _socket.socket(fileno=fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _CHANNEL))
    os.close(descriptor)
    try:
        _make_safe()
        _preload()
        before = _writable_state()
        channel.send(HELLO + sys.version.split()[0].encode())
        while True:
            packet, descriptors = _receive(channel)
            if not packet:
                os._exit(0)
            if packet == ABORT:  # crossed the report of a run that had just ended
                continue
            request = Request(packet)
            if _run(channel, request, descriptors, before):
                return
    except BaseException as error:
        channel.send(FAULT + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000])
        os._exit(1)


def _run(channel: _socket.socket, request: Request, descriptors: list[int], before: list[object]) -> bool:
    """One run; True in the child."""
    if request.scratch:
        os.mkdir(request.scratch)
    usage = Usage()
    started, own_started = time.monotonic(), time.process_time()
    child = os.fork()
    if child == 0:
        _become_program(channel, request, descriptors)
        return True
    for descriptor in descriptors:
        os.close(descriptor)
    reason = _watch(channel, child, request, usage)
    status, peak = _end_all(child)
    wall_seconds = time.monotonic() - started
    cpu_seconds = _reaped_cpu_seconds() - usage.reaped_before
    collected = _collect(request.collect) if request.collect else b""
    unchanged = bool(request.scratch) or _writable_state() == before
    own_seconds = time.process_time() - own_started
    peak = max(peak, usage.peak_memory_bytes)
    report = REPORT.pack(reason, status, cpu_seconds, wall_seconds, own_seconds, peak, unchanged)
    channel.send(DONE + report + collected)
    return False


def _watch(channel: _socket.socket, child: int, request: Request, usage: Usage) -> int:
    """Wait until the program ends or must be ended; the number of the reason."""
    poll = select.poll()
    ended = os.pidfd_open(child)
    poll.register(ended, select.POLLIN)
    poll.register(channel.fileno(), select.POLLIN)
    pause = _FIRST_LOOK
    try:
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(pause)}
            if ended in ready:
                return 0
            if channel.fileno() in ready:
                if not channel.recv(MAX_PACKET):
                    os._exit(0)
                return REASONS.index("aborted")
            pause = _LATER_LOOKS
            reason = _over(request, usage)
            if reason:
                return REASONS.index(reason)
            _reap_orphans(child)
    finally:
        os.close(ended)


def _over(request: Request, usage: Usage) -> str:
    if usage.cpu_seconds() > request.cpu_seconds:
        return "cpu time"
    watched = request.watched_bytes
    if watched and usage.memory_bytes(watched) > watched:
        return "memory"
    used = map(os.statvfs, WRITABLE)
    if sum(directory.f_files - directory.f_ffree for directory in used) > request.files:
        return "files"
    return ""


def _end_all(child: int) -> tuple[int, int]:
    """Kill and reap every process but this one; the program's wait status and peak resident bytes."""
    os.kill(-1, _signal.SIGKILL)  # finds the child at least, which is not reaped yet
    status = peak = 0
    while True:
        try:
            pid, ended, used = os.wait4(-1, 0)
        except ChildProcessError:
            return status, peak
        if pid == child:
            status, peak = ended, used.ru_maxrss * 1024


def _reap_orphans(child: int) -> None:
    """Reap what has been orphaned and ended, but not the program itself."""
    while True:
        info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if info is None or info.si_pid == child:
            return
        os.waitpid(info.si_pid, 0)


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _statistics(pid: str) -> list[bytes] | None:
    """The fields of /proc/PID/stat from the third on, or None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return None


def _live_cpu_seconds(pid: str) -> float:
    fields = _statistics(pid)
    return 0.0 if fields is None else sum(map(int, fields[11:15])) * _TICK


def _resident_bytes(pid: str) -> int:
    fields = _statistics(pid)
    return 0 if fields is None else int(fields[21]) * _PAGE


def _proportional_bytes(pid: str) -> int:
    """Resident memory with shared pages divided among those who share them; plain where that is hidden."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return _resident_bytes(pid)
    return 0


def _reaped_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _writable_state() -> list[object]:
    """All that a run could change in the writable directories shows in this."""
    state: list[object] = []
    for directory in WRITABLE:
        now = os.stat(directory)
        state.append((now.st_mode, now.st_nlink, now.st_mtime_ns, now.st_ctime_ns, os.listdir(directory)))
    return state


def _collect(path: str) -> bytes:
    """The first bytes of a regular file; b"" for anything else. Follows no link and waits for no writer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 4096) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    finally:
        os.close(descriptor)


def _receive(channel: _socket.socket) -> tuple[bytes, list[int]]:
    packet, extra, _, _ = channel.recvmsg(MAX_PACKET, _socket.CMSG_SPACE(4 * MAX_DESCRIPTORS))
    descriptors: list[int] = []
    for _, _, data in extra:
        descriptors.extend(struct.unpack(f"{len(data) // 4}i", data))
    return packet, descriptors


def _make_safe() -> None:
    """Put the agent out of the programs' reach, and its own traces out of their sight."""
    _signal.signal(
        _signal.SIGINT, _signal.SIG_DFL
    )  # process 1 never sees a signal that it has no handler for
    os.umask(0o022)
    _set_dumpable(0)
    _set_thread_stack()
    for variable in ("PYTHONPATH", SOCKET_VARIABLE):
        del os.environ[variable]
    here = os.path.dirname(__file__)
    sys.path.remove(here)
    sys.path_importer_cache.pop(here, None)


def _set_dumpable(value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def _set_thread_stack() -> None:
    """Give threads ordinary stacks: by default they would get the main thread's limit each."""
    library = ctypes.CDLL(None)
    if not hasattr(
        library, "pthread_setattr_default_np"
    ):  # C libraries other than glibc have a fixed default
        return
    attributes = ctypes.create_string_buffer(256)
    library.pthread_attr_init(attributes)
    library.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_THREAD_STACK_BYTES))
    library.pthread_setattr_default_np(attributes)
    library.pthread_attr_destroy(attributes)


def _preload() -> None:
    text = b""
    for name in os.listdir(PROGRAM):
        with open(f"{PROGRAM}/{name}", "rb") as file:
            text += file.read()
    for module in _PRELOAD:
        if module.encode() in text:
            __import__(module)
    gc.collect()
    gc.freeze()  # or every run would copy the pages of all these objects at its first collection


def _become_program(channel: _socket.socket, request: Request, descriptors: list[int]) -> None:
    """Turn the forked child into a fresh interpreter that is about to open its script."""
    try:
        os.setsid()
        _place(descriptors)
        _set_dumpable(1)
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        _set_limits(request)
        os.chdir(WRITABLE[0])
        sys.argv[1:] = request.arguments
        _renew_main()
    except BaseException as error:
        channel.send(FAULT + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000])
        os._exit(1)
    channel.close()


def _renew_main() -> None:
    """Give the program a `__main__` that is not frozen, so that what it holds is finalized at the end."""
    frozen = sys.modules["__main__"]
    fresh = type(frozen)("__main__")
    vars(fresh).clear()
    vars(fresh).update(vars(frozen))
    sys.modules["__main__"] = fresh


def _place(descriptors: list[int]) -> None:
    """Make `descriptors` number 0, 1, 2, ... and close all others but the socket.

    They came as the lowest free numbers from 3 on, so no target is a descriptor still to be placed.
    """
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target, inheritable=True)
    os.closerange(len(descriptors), _CHANNEL)
    os.closerange(_CHANNEL + 1, _OPEN_FILES)


def _set_limits(request: Request) -> None:
    seconds = math.ceil(request.cpu_seconds) + 1  # behind the agent's own watch, should that fall asleep
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: request.file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 65536,
    }
    if request.data_bytes:
        limits[resource.RLIMIT_DATA] = request.data_bytes
    if request.processes:
        limits[resource.RLIMIT_NPROC] = request.processes
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


if __name__ == "sitecustomize" and SOCKET_VARIABLE in os.environ and os.getpid() == 1:
    serve(int(os.environ[SOCKET_VARIABLE]))
    for _name in [name for name in globals() if not name.startswith("__")]:
        del globals()[_name]
