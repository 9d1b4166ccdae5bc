"""The host's half of the conversation with the agent in a sandbox.

A session owns the socket to one agent. For every run it hands the agent a sealed file as standard input
and the write ends of two pipes, whose read ends it drains itself: so the output limit holds with bounded
memory whatever the program does, and the wall clock is the host's. All that comes from the agent is checked
before it is believed; a packet that is not as it must be is a fault of the sandbox.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import struct
import time
from dataclasses import dataclass

from judge.errors import SandboxFaultError
from judge.sandbox import agent
from judge.sandbox.base import COLLECT_BYTES, Exceeded, RunRequest, RunResult
from judge.sandbox.cgroup import Cgroup, CgroupUsage
from judge.sandbox.pipes import DeadlinePoll, OutputPipes, sealed_file

START_SECONDS = 30.0  # for the agent's first word; the machine may be busy
SEND_SECONDS = 60.0  # for the kernel to take the descriptors of a run
GRACE_SECONDS = 3.0  # for the agent's report once a run has been told to end
FILE_BYTES = 64 << 20  # the largest file that a program may write, and the size of each writable directory
FILES = 10_000  # in the writable directories together


class AgentSession:
    """One agent, ready to run its program. `cgroup` is the sandbox's group, or None for resource limits."""

    def __init__(self, channel: socket.socket, cgroup: Cgroup | None) -> None:
        self._channel = channel
        self._cgroup = cgroup

    def await_agent(self) -> str:
        """Wait until the agent is ready; the version of the interpreter that it runs on.

        Raises:
            SandboxFaultError: it did not start.
        """
        self._channel.settimeout(START_SECONDS)
        try:
            packet = self._channel.recv(agent.MAX_PACKET)
        except TimeoutError:
            raise SandboxFaultError(f"the sandbox did not start within {START_SECONDS:g} s") from None
        except OSError as error:
            raise SandboxFaultError(f"the sandbox did not start: {error}") from error
        if packet[:1] != agent.HELLO:
            raise SandboxFaultError(f"the sandbox did not start: {_fault_text(packet)}")
        return packet[1:65].decode("ascii", "replace")

    def run(self, request: RunRequest) -> RunResult:
        """One run of the program, see `Sandbox.run`."""
        before = self._usage_before()
        with OutputPipes(request.limits.output_bytes) as pipes:
            self._send(request, pipes)
            started = time.monotonic()
            ending = self._follow(pipes, started + request.limits.wall_limit_seconds)
            wall_seconds = time.monotonic() - started
            spent = self._spent(before)
            if ending.report is None and not spent.out_of_memory and ending.stopped is None:
                raise SandboxFaultError("the agent in the sandbox has died")
            return _result(request, pipes, ending, spent, wall_seconds)

    def _send(self, request: RunRequest, pipes: OutputPipes) -> None:
        packet = self._packet(request)
        if len(packet) > agent.MAX_PACKET:
            raise SandboxFaultError(f"the run's arguments are too long: {len(packet)} bytes")
        with contextlib.ExitStack() as files:
            inputs = []
            for data in (request.stdin, *request.inputs):
                inputs.append(sealed_file(data))
                files.callback(os.close, inputs[-1])
            descriptors = [inputs[0], *pipes.write_ends(), *inputs[1:]]
            self._send_descriptors(packet, descriptors)
        pipes.close_write_ends()

    def _send_descriptors(self, packet: bytes, descriptors: list[int]) -> None:
        """Send them, and wait where other programs of our user have too many under way for the moment."""
        deadline = time.monotonic() + SEND_SECONDS
        while True:
            try:
                socket.send_fds(self._channel, [packet], descriptors)
                return
            except OSError as error:
                if error.errno != errno.ETOOMANYREFS or time.monotonic() > deadline:
                    raise SandboxFaultError(
                        f"a run cannot be sent to the agent in the sandbox: {error}"
                    ) from error
            time.sleep(0.05)

    def _packet(self, request: RunRequest) -> bytes:
        limits = request.limits
        watched = limits.memory_bytes if self._cgroup is None else 0
        header = agent.REQUEST.pack(
            limits.cpu_seconds,
            2 * watched,  # address space that is not used is no use of memory: large thread stacks, say
            watched,
            FILE_BYTES,
            FILES,
            limits.processes + 1 if self._cgroup is None else 0,  # and the agent
        )
        return header + "\0".join((request.scratch, request.collect, *request.arguments)).encode()

    def _follow(self, pipes: OutputPipes, deadline: float) -> _Ending:
        """Drain the pipes until the agent reports, is gone, or does not obey."""
        self._channel.settimeout(GRACE_SECONDS)
        stopped: Exceeded | None = None
        poll = DeadlinePoll(self._channel.fileno(), *pipes.read_ends())
        while True:
            ready = poll.wait(deadline)
            if self._channel.fileno() in ready:
                return _Ending(self._receive_report(), stopped)
            for descriptor in ready:
                if not pipes.drain(descriptor):
                    poll.forget(descriptor)
            over = Exceeded.OUTPUT if pipes.overfull else Exceeded.WALL_TIME if poll.late else None
            if stopped is None and over:
                stopped, deadline = over, time.monotonic() + GRACE_SECONDS
                self._abort()
            elif poll.late:
                return _Ending(None, stopped)

    def _abort(self) -> None:
        with contextlib.suppress(OSError):  # gone already: the next read says so
            self._channel.send(agent.ABORT)

    def _receive_report(self) -> _Report | None:
        try:
            packet = self._channel.recv(agent.MAX_PACKET)
        except OSError:
            return None
        if not packet:
            return None
        if packet[:1] != agent.DONE:
            raise SandboxFaultError(f"the agent in the sandbox failed: {_fault_text(packet)}")
        return _Report.read(packet[1:])

    def _usage_before(self) -> CgroupUsage | None:
        if self._cgroup is None:
            return None
        self._cgroup.reset_peak()
        return self._cgroup.usage()

    def _spent(self, before: CgroupUsage | None) -> _Spent:
        if self._cgroup is None or before is None:
            return _Spent()
        after = self._cgroup.usage()
        cpu = 0.0
        if after.cpu_seconds is not None and before.cpu_seconds is not None:
            cpu = after.cpu_seconds - before.cpu_seconds
        peak = max(0, after.peak_memory_bytes - before.memory_bytes)
        return _Spent(cpu, peak, after.oom_kills > before.oom_kills)


@dataclass(frozen=True)
class _Report:
    """The agent's report, checked for form."""

    reason: str
    status: int  # as os.waitstatus_to_exitcode: negative is a signal
    cpu_seconds: float
    wall_seconds: float
    own_seconds: float  # the agent's CPU time during the run
    peak_memory_bytes: int
    unchanged: bool
    collected: bytes

    @classmethod
    def read(cls, packet: bytes) -> _Report:
        try:
            reason, status, cpu, wall, own, peak, unchanged = agent.REPORT.unpack_from(packet)
            ended = os.waitstatus_to_exitcode(status)
            name = agent.REASONS[reason]
        except (ValueError, IndexError, struct.error) as error:
            raise SandboxFaultError(f"the agent's report makes no sense: {error}") from error
        if not all(math.isfinite(number) and number >= 0 for number in (cpu, wall, own, peak)):
            raise SandboxFaultError(f"the agent's report makes no sense: {cpu=} {wall=} {own=} {peak=}")
        collected = packet[agent.REPORT.size :][:COLLECT_BYTES]
        return cls(name, ended, cpu, wall, own, peak, bool(unchanged), collected)


@dataclass(frozen=True)
class _Ending:
    """How following a run ended: the agent's report if it made one, and the limit the host stopped it for."""

    report: _Report | None
    stopped: Exceeded | None


@dataclass(frozen=True)
class _Spent:
    """What the control group says of a run; zeros where there is none."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    out_of_memory: bool = False


def _result(
    request: RunRequest, pipes: OutputPipes, ending: _Ending, spent: _Spent, wall_seconds: float
) -> RunResult:
    report = ending.report or _Report("", -9, 0.0, wall_seconds, 0.0, 0, unchanged=False, collected=b"")
    at_end = pipes.drain_rest() if ending.report else False
    # A process that ignores the end of its children hides their time from the agent, not from the group.
    cpu_seconds = max(report.cpu_seconds, spent.cpu_seconds - report.own_seconds)
    return RunResult(
        stdout=bytes(pipes.output[: request.limits.output_bytes]),
        stderr=pipes.errors.data(),
        exit_code=report.status if report.status >= 0 else None,
        signal=-report.status if report.status < 0 else None,
        cpu_seconds=cpu_seconds,
        wall_seconds=min(report.wall_seconds, wall_seconds),
        peak_memory_bytes=max(report.peak_memory_bytes, spent.peak_memory_bytes),
        exceeded=_exceeded(request, pipes, ending, spent, cpu_seconds),
        collected=report.collected,
        reusable=report.unchanged and at_end and ending.stopped is None and not spent.out_of_memory,
    )


def _exceeded(
    request: RunRequest, pipes: OutputPipes, ending: _Ending, spent: _Spent, cpu_seconds: float
) -> Exceeded | None:
    """Of the limits that were broken, the one that counts: the order of `Exceeded`."""
    reason = ending.report.reason if ending.report else ""
    broken = {
        Exceeded.MEMORY: spent.out_of_memory or reason == "memory",
        Exceeded.CPU_TIME: reason == "cpu time" or cpu_seconds > request.limits.cpu_seconds,
        Exceeded.WALL_TIME: ending.stopped is Exceeded.WALL_TIME,
        Exceeded.OUTPUT: pipes.overfull,
        Exceeded.FILES: reason == "files",
    }
    return next((limit for limit in Exceeded if broken[limit]), None)


def _fault_text(packet: bytes) -> str:
    return packet[1:1001].decode("utf-8", "backslashreplace") if packet else "it ended at once"
