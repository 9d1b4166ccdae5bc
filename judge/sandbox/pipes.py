"""What a run reads and writes on the host's side: a sealed file in, two pipes out."""

from __future__ import annotations

import fcntl
import math
import os
import select
import time

STDERR_HEAD_BYTES = STDERR_TAIL_BYTES = 4096

_CHUNK = 1 << 18
_WRITE_ONLY = 0o222  # lets a program of any user open /dev/stdout, and takes no part in what it prints
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def sealed_file(data: bytes) -> int:
    """A read-only descriptor of a file in memory that holds `data` and that nobody can change."""
    writable = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(writable, view) :]
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, _SEALS)
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


class _HeadAndTail:
    """The first and the last bytes of a stream, however long it is."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        room = STDERR_HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        excess = len(self._tail) - STDERR_TAIL_BYTES
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def data(self) -> bytes:
        gap = b"\n... (%d bytes)\n" % self._dropped if self._dropped else b""
        return bytes(self._head) + gap + bytes(self._tail)


class OutputPipes:
    """The pipes on which a program's standard output and error arrive.

    `output` is kept up to `output_bytes` and at most one chunk more; `overfull` tells that there was more.
    Of `errors` the first and the last bytes are kept.
    """

    def __init__(self, output_bytes: int) -> None:
        self.output = bytearray()
        self.errors = _HeadAndTail()
        self.overfull = False
        self._limit = output_bytes
        self._stdout, self._stdout_end = os.pipe2(os.O_CLOEXEC)
        self._stderr, self._stderr_end = os.pipe2(os.O_CLOEXEC)
        self._open = {self._stdout, self._stdout_end, self._stderr, self._stderr_end}
        for descriptor in self.read_ends():
            os.set_blocking(descriptor, False)
            os.fchmod(descriptor, _WRITE_ONLY)

    def __enter__(self) -> OutputPipes:
        return self

    def __exit__(self, *_: object) -> None:
        self._close(*self._open)

    def read_ends(self) -> tuple[int, int]:
        """Where output and error arrive."""
        return self._stdout, self._stderr

    def write_ends(self) -> tuple[int, int]:
        """What the program gets as its standard output and error."""
        return self._stdout_end, self._stderr_end

    def close_write_ends(self) -> None:
        """Let go of the write ends once they have been sent, so that the streams can end."""
        self._close(*self.write_ends())

    def drain(self, descriptor: int) -> bool:
        """Take what has arrived, which may be nothing; False at the end of the stream."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:  # the program owns its pipes too, and has taken it back
            return True
        self._keep(descriptor, data)
        return bool(data)

    def _keep(self, descriptor: int, data: bytes) -> None:
        if descriptor == self._stderr:
            self.errors.add(data)
        elif not self.overfull:  # beyond the limit nothing is kept
            self.output += data
            self.overfull = len(self.output) > self._limit

    def drain_rest(self) -> bool:
        """Take all that is left once every writer is dead; False if a writer is still there."""
        try:
            for descriptor in self.read_ends():
                while data := os.read(descriptor, _CHUNK):
                    self._keep(descriptor, data)
        except BlockingIOError:
            return False
        return True

    def _close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            self._open.discard(descriptor)
            os.close(descriptor)


class DeadlinePoll:
    """Waits for descriptors until a deadline on the monotonic clock."""

    def __init__(self, *descriptors: int) -> None:
        self._poll = select.poll()
        self.late = False
        for descriptor in descriptors:
            self._poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        """Wait no more for `descriptor`."""
        self._poll.unregister(descriptor)

    def wait(self, deadline: float) -> list[int]:
        """The descriptors that are ready; `late` then tells whether the deadline has passed."""
        left = deadline - time.monotonic()
        ready = [descriptor for descriptor, _ in self._poll.poll(max(0, math.ceil(left * 1000)))]
        self.late = time.monotonic() >= deadline
        return ready
