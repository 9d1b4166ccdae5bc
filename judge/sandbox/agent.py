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
that a program wrote. What a run uses is watched as `judge.sandbox.usage` says. After each run the agent
kills and reaps every other process, then looks for traces, as `judge.sandbox.traces` says: any, even a
changed timestamp, makes the sandbox unfit for another run. It never cleans up; the host throws such a
sandbox away.

This file and those two are all of the agent, and need nothing but Python 3.11. The host imports them as
well, for the formats of the messages.
"""

# pathlib takes as long to load as all the rest together
# ruff: noqa: PTH102, PTH120, PTH123, PTH208, SIM905

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

from judge.sandbox.traces import WRITABLE, Traces, files_kept, have_room
from judge.sandbox.usage import Usage

REQUEST = struct.Struct("<dqqqqi")  # cpu seconds, data bytes, watched bytes, file bytes, files, processes
REPORT = struct.Struct("<BidddqB")  # reason, wait status, cpu/wall/own seconds, peak memory bytes, unchanged
HELLO, DONE, FAULT, ABORT = b"H", b"D", b"F", b"A"
REASONS = ("", "cpu time", "memory", "files", "aborted")  # what ended a run, by number
MAX_PACKET = 65536
MAX_DESCRIPTORS = 8

SOCKET_VARIABLE = "ORCHARD_AGENT_SOCKET"
PROGRAM = "/program"

_OPEN_FILES = 512  # what programs may have open: it bounds what they can hold in sockets and pipes, too
_DESCRIPTORS = 1024  # more than the agent ever has open
_CHANNEL = 64  # the socket's number, above all that a run's descriptors take
_THREAD_STACK_BYTES = 8 << 20  # what a shell's `ulimit -s` gives threads; the main thread's own is far larger
_FIRST_LOOK, _LATER_LOOKS = 10, 25  # milliseconds between looks at what a run has used
_PR_SET_DUMPABLE = 4
# Loaded before the first fork where the program names them, so that its runs find them warm.
_PRELOAD = tuple(
    "abc array bisect cmath collections contextlib copy dataclasses datetime decimal enum fractions "
    "functools heapq io itertools json math numbers operator queue random re statistics string textwrap "
    "threading time typing".split()
)


# Of what the agent itself needs, the modules that a program could bring under the same name.
_FOUND_ON_PATH = ("ctypes", "fcntl", "math", "resource", "select", "struct")


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


def serve(descriptor: int) -> None:
    """Serve runs until the host goes away. Returns in the child of each run, and nowhere else."""
    channel = _socket.socket(fileno=fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _CHANNEL))
    os.close(descriptor)
    try:
        _make_safe()
        _preload()
        traces = Traces()
        channel.send(HELLO + sys.version.split()[0].encode())
        while True:
            packet, descriptors = _receive(channel)
            if not packet:
                os._exit(0)
            if packet == ABORT:  # crossed the report of a run that had just ended
                continue
            request = Request(packet)
            if _run(channel, request, descriptors, traces):
                return
    except BaseException as error:
        channel.send(FAULT + f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:1000])
        os._exit(1)


def _run(channel: _socket.socket, request: Request, descriptors: list[int], traces: Traces) -> bool:
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
    status = _end_all(child, usage)
    wall_seconds, peak = time.monotonic() - started, usage.peak_memory_bytes
    if request.watched_bytes and peak > request.watched_bytes:  # for less long than from one look to the next
        reason = REASONS.index("memory")
    collected = _collect(request.collect) if request.collect else b""
    reusable = have_room(request.files) if request.scratch else traces.none_of(child)
    own_seconds = time.process_time() - own_started
    report = REPORT.pack(reason, status, usage.cpu_seconds(), wall_seconds, own_seconds, peak, reusable)
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
            _reap_orphans(child, usage)
    finally:
        os.close(ended)


def _over(request: Request, usage: Usage) -> str:
    if usage.look_at_time() > request.cpu_seconds:
        return "cpu time"
    watched = request.watched_bytes
    if watched and usage.look_at_memory(watched) > watched:
        return "memory"
    return "files" if files_kept() > request.files else ""


def _end_all(child: int, usage: Usage) -> int:
    """Kill and reap every process but this one; the program's wait status."""
    os.kill(-1, _signal.SIGKILL)  # finds the child at least, which is not reaped yet
    status = 0
    while True:
        try:
            pid, ended, used = os.wait4(-1, 0)
        except ChildProcessError:
            return status
        usage.add_reaped(used)
        if pid == child:
            status = ended


def _reap_orphans(child: int, usage: Usage) -> None:
    """Reap what has been orphaned and ended, but not the program itself."""
    while True:
        info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if info is None or info.si_pid == child:
            return
        usage.add_reaped(os.wait4(info.si_pid, 0)[2])


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
    for path in [path for path in sys.path_importer_cache if path.startswith(here)]:
        del sys.path_importer_cache[path]
    for module in [name for name in sys.modules if name.partition(".")[0] == "judge"]:
        del sys.modules[module]


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
    """Load modules that the program will; where it brings some of its own, those may be meant instead."""
    names = os.listdir(PROGRAM)
    if len(names) == 1:
        with open(f"{PROGRAM}/{names[0]}", "rb") as file:
            text = file.read()
        for module in _PRELOAD:
            if module.encode() in text:
                __import__(module)
    for own in _FOUND_ON_PATH:
        if own in names or f"{own}.py" in names:
            sys.modules.pop(own, None)
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
    os.closerange(_CHANNEL + 1, _DESCRIPTORS)


def _set_limits(request: Request) -> None:
    seconds = math.ceil(request.cpu_seconds) + 1  # behind the agent's own watch, should that fall asleep
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: request.file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 65536,
        resource.RLIMIT_SIGPENDING: 1024,
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
