"""What a run uses, as its sandbox's process 1 sees it. Part of the agent, see `judge.sandbox.agent`.

Where a control group bounds a run it is also what measures it, and this is only the watch that ends a run in
time. Where there is none, all depends on looks at /proc, every few milliseconds:

CPU time is the larger of two sums that both miss something: of what has been reaped and what living
processes say of themselves and their reaped children; and of what each process was ever seen to have used,
which counts those that ended with nobody waiting for them (SIGCHLD ignored).

Memory is what processes hold for themselves or of files, plus the shared memory, for which resident pages say
nothing (a page can be dropped from a process and live on): every byte of a shared mapping counts, once, used
or not, and so does what lies in the writable directories.
"""

# pathlib takes as long to load as all the rest of the agent together
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import os
import resource

from judge.sandbox import traces

_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
_SHARED_MEMORY = b"/dev/zero (deleted)"  # the kernel's name for what MAP_SHARED | MAP_ANONYMOUS gives


class Usage:
    """What the processes of one run, all but this one, have used so far."""

    def __init__(self) -> None:
        self.peak_memory_bytes = 0
        self._reaped_before = _reaped_cpu_seconds()
        self._seen: dict[tuple[str, bytes], int] = {}  # (pid, start time) -> its own clock ticks
        self._vanished = 0  # clock ticks of those that were seen once and are gone
        self._shared: dict[bytes, int] = {}  # inode -> the largest size it was seen with, in bytes

    def look_at_time(self) -> float:
        """CPU seconds of all processes, those that have ended and, to a clock tick, those that live."""
        seen: dict[tuple[str, bytes], int] = {}
        with_reaped = 0
        for pid in _processes():
            fields = _statistics(pid)
            if fields:
                user, system, reaped_user, reaped_system = map(int, fields[11:15])
                seen[pid, fields[19]] = user + system
                with_reaped += user + system + reaped_user + reaped_system
        self._vanished += sum(ticks for key, ticks in self._seen.items() if key not in seen)
        self._seen = seen
        return max(self.cpu_seconds(), self.reaped_cpu_seconds() + with_reaped * _TICK)

    def cpu_seconds(self) -> float:
        """CPU seconds of a run of which no process is left."""
        return max(self.reaped_cpu_seconds(), (self._vanished + sum(self._seen.values())) * _TICK)

    def reaped_cpu_seconds(self) -> float:
        """CPU seconds of the processes that this one has waited for, and they for others."""
        return _reaped_cpu_seconds() - self._reaped_before

    def add_reaped(self, used: resource.struct_rusage) -> None:
        """Take in what the kernel says of a process that has been reaped: also of what no look has seen."""
        self.peak_memory_bytes = max(self.peak_memory_bytes, used.ru_maxrss * 1024)

    def look_at_memory(self, limit: int) -> int:
        """Bytes of memory in use; pages of files that several processes map count once beyond `limit`."""
        memory = [found for found in map(_Memory.of, _processes()) if found]
        kept = traces.bytes_kept() + self._shared_bytes(memory)
        used = kept + sum(process.resident_bytes for process in memory)
        if used > limit:
            used = kept + sum(process.proportional_bytes() for process in memory)
        self.peak_memory_bytes = max(self.peak_memory_bytes, used)
        return used

    def _shared_bytes(self, memory: list[_Memory]) -> int:
        """All shared memory at its largest size so far, which it keeps until its last mapping is gone."""
        found: dict[bytes, int] = {}
        for process in memory:
            for inode, size in process.shared_mappings().items():
                found[inode] = max(size, found.get(inode, 0), self._shared.get(inode, 0))
        self._shared = found
        return sum(found.values())


class _Memory:
    """One process's memory. `directory` is that of a thread in /proc that still shows it."""

    def __init__(self, directory: str, status: dict[bytes, int]) -> None:
        self.directory = directory
        self.resident_bytes = status[b"RssAnon"] + status[b"RssFile"]
        self.address_space_bytes = status[b"VmSize"]

    @classmethod
    def of(cls, pid: str) -> _Memory | None:
        """The memory of process `pid`; None if it has none any more.

        A main thread that has ended shows none; any other thread of the process shows all of it.
        """
        status = _sizes(f"/proc/{pid}/status")
        if b"RssAnon" in status:
            return cls(f"/proc/{pid}", status)
        for thread in _names(f"/proc/{pid}/task"):
            status = _sizes(f"/proc/{pid}/task/{thread}/status")
            if b"RssAnon" in status:
                return cls(f"/proc/{pid}/task/{thread}", status)
        return None

    def proportional_bytes(self) -> int:
        """Resident bytes with shared pages divided among those who share them; plain where that is hidden."""
        sizes = _sizes(f"{self.directory}/smaps_rollup")
        if b"Pss_Anon" not in sizes:
            return self.resident_bytes
        return sizes[b"Pss_Anon"] + sizes[b"Pss_File"]

    def shared_mappings(self) -> dict[bytes, int]:
        """Inode -> mapped bytes of its shared memory. A process that hides its mappings counts as a whole."""
        found: dict[bytes, int] = {}
        try:
            with open(f"{self.directory}/maps", "rb") as file:
                for line in file:
                    if line.rstrip().endswith(_SHARED_MEMORY):
                        extent, rights, _, _, inode, _ = line.split(maxsplit=5)
                        first, end = (int(address, 16) for address in extent.split(b"-"))
                        found[inode] = found.get(inode, 0) + (end - first if rights.endswith(b"s") else 0)
        except PermissionError:
            return {self.directory.encode(): self.address_space_bytes}
        except OSError:  # it has ended meanwhile
            return {}
        return found


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:  # it has ended meanwhile
        return []


def _statistics(pid: str) -> list[bytes]:
    """The fields of /proc/PID/stat from the third on; none if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return []


def _sizes(path: str) -> dict[bytes, int]:
    """The lines "Name:   123 kB" of a file in /proc, in bytes; none if it cannot be read."""
    found = {}
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b" kB\n"):
                    name, _, size = line.partition(b":")
                    found[name] = int(size.split()[0]) * 1024
    except OSError:
        return {}
    return found


def _reaped_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
