"""Control groups for sandboxes: memory and number of processes for all of a sandbox together.

Both versions are supported where this process may make groups: version 1 with a `memory`, a `pids` and,
where there is one, a `cpuacct` hierarchy; version 2 below the nearest ancestor group that is
writable and hands on the `memory` and `pids` controllers. Where neither is the case the sandbox falls
back to resource limits, and `describe()` of the sandbox says so.

A group is named orchard-PID-NUMBER after the process that made it. Groups whose maker is gone (kill -9)
are removed when the next `CgroupTree` is found.

Sources: Documentation/admin-guide/cgroup-v1/{memory,pids,cpuacct}.rst and cgroup-v2.rst of the kernel.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"orchard-(\d+)-\d+")
_numbers = itertools.count()


@dataclass(frozen=True)
class CgroupUsage:
    """What a group has used since it was made; the peak since `reset_peak` where the kernel can reset it."""

    cpu_seconds: float | None  # None: no hierarchy counts it
    memory_bytes: int
    peak_memory_bytes: int
    oom_kills: int


class Cgroup:
    """One sandbox's group: a directory in each hierarchy that is used."""

    def __init__(self, tree: CgroupTree, directories: dict[str, Path]) -> None:
        self._tree = tree
        self._directories = directories

    def entry_files(self) -> list[str]:
        """The files to which a process writes "0" to enter the group."""
        return [str(directory / "cgroup.procs") for directory in dict.fromkeys(self._directories.values())]

    def usage(self) -> CgroupUsage:
        """What has been used so far."""
        memory = self._directories["memory"]
        names = self._tree.names
        return CgroupUsage(
            cpu_seconds=self._cpu_seconds(),
            memory_bytes=int((memory / names.memory_now).read_text()),
            peak_memory_bytes=self._peak_memory_bytes(),
            oom_kills=_entry(memory / names.events, "oom_kill"),
        )

    def reset_peak(self) -> None:
        """Start a new peak; on version 2 kernels that cannot, the peak stays that of the whole life."""
        if self._tree.names.peak_resets:
            (self._directories["memory"] / self._tree.names.memory_peak).write_text("0")

    def remove(self) -> None:
        """Remove the group. Its processes have been killed; the last may take a moment to be gone."""
        for directory in dict.fromkeys(self._directories.values()):
            _remove(directory, patience_seconds=2.0)

    def _cpu_seconds(self) -> float | None:
        if "cpuacct" in self._directories:
            return int((self._directories["cpuacct"] / "cpuacct.usage").read_text()) * 1e-9
        if self._tree.names is _V2:
            return _entry(self._directories["memory"] / "cpu.stat", "usage_usec") * 1e-6
        return None

    def _peak_memory_bytes(self) -> int:
        peak = self._directories["memory"] / self._tree.names.memory_peak
        try:
            return int(peak.read_text())
        except FileNotFoundError:  # version 2 before Linux 5.19
            return 0


@dataclass(frozen=True)
class _Names:
    """What the two versions call the same things."""

    version: int
    memory_limit: str
    memory_now: str
    memory_peak: str
    events: str
    peak_resets: bool


_V1 = _Names(
    1,
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
    True,
)
_V2 = _Names(2, "memory.max", "memory.current", "memory.peak", "memory.events", False)


class CgroupTree:
    """Where groups for sandboxes are made. `parents` maps a controller to the directory to make them in."""

    def __init__(self, names: _Names, parents: dict[str, Path]) -> None:
        self.names = names
        self.parents = parents
        self.version = names.version
        self._sweep()

    @classmethod
    def find(cls, proc: Path = Path("/proc/self")) -> CgroupTree | None:
        """The tree that this process may use, or None."""
        mounts = list(_mounts(proc / "mountinfo"))
        own = dict(_own_groups(proc / "cgroup"))
        return _find_v1(mounts, own) or _find_v2(mounts, own)

    def make(self, memory_bytes: int, processes: int) -> Cgroup:
        """A new group with these limits and without swap.

        Raises:
            OSError: the group cannot be made or limited.
        """
        name = f"orchard-{os.getpid()}-{next(_numbers)}"
        group = Cgroup(self, {controller: parent / name for controller, parent in self.parents.items()})
        try:
            for parent in dict.fromkeys(self.parents.values()):
                (parent / name).mkdir()
            memory, pids = self.parents["memory"] / name, self.parents["pids"] / name
            (memory / self.names.memory_limit).write_text(str(memory_bytes))
            _forbid_swap(memory, memory_bytes)
            (pids / "pids.max").write_text(str(processes))
        except OSError:
            group.remove()
            raise
        return group

    def _sweep(self) -> None:
        for parent in dict.fromkeys(self.parents.values()):
            for directory in parent.glob("orchard-*"):
                owner = _NAME.fullmatch(directory.name)
                if owner and not Path(f"/proc/{owner[1]}").exists():
                    _remove(directory, patience_seconds=0.0)


def _find_v1(mounts: list[_Mount], own: dict[str, str]) -> CgroupTree | None:
    parents: dict[str, Path] = {}
    for controller in ("memory", "pids", "cpuacct"):
        for mount in mounts:
            if mount.kind == "cgroup" and controller in mount.options and controller in own:
                directory = mount.directory_of(own[controller])
                if directory and _writable(directory):
                    parents[controller] = directory
    return CgroupTree(_V1, parents) if {"memory", "pids"} <= parents.keys() else None


def _find_v2(mounts: list[_Mount], own: dict[str, str]) -> CgroupTree | None:
    for mount in mounts:
        directory = mount.directory_of(own[""]) if mount.kind == "cgroup2" and "" in own else None
        while directory and directory.is_relative_to(mount.point):
            control = directory / "cgroup.subtree_control"
            if _writable(directory) and {"memory", "pids"} <= set(_words(control)):
                return CgroupTree(_V2, {"memory": directory, "pids": directory})
            directory = directory.parent
    return None


@dataclass(frozen=True)
class _Mount:
    root: str
    point: Path
    kind: str
    options: tuple[str, ...]

    def directory_of(self, group: str) -> Path | None:
        """Where this mount shows `group`, or None where it does not."""
        relative = os.path.relpath(group, self.root)
        directory = self.point if relative == "." else self.point / relative
        return directory if not relative.startswith("..") and directory.is_dir() else None


def _mounts(mountinfo: Path) -> Iterator[_Mount]:
    for line in mountinfo.read_text().splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind.startswith("cgroup"):
            root, point = fields.split()[3:5]
            yield _Mount(root, Path(point), kind, tuple(options.split(",")))


def _own_groups(listing: Path) -> Iterator[tuple[str, str]]:
    """(controller, group) for each hierarchy; version 2 has the controller ""."""
    for line in listing.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, group


def _writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK) and os.access(directory / "cgroup.procs", os.W_OK)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _entry(file: Path, key: str) -> int:
    """The number beside `key` in a file of lines "key number"; 0 where it is absent."""
    for line in file.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _forbid_swap(memory: Path, memory_bytes: int) -> None:
    for name, value in (("memory.memsw.limit_in_bytes", memory_bytes), ("memory.swap.max", 0)):
        if (memory / name).exists():  # absent on kernels without swap accounting
            (memory / name).write_text(str(value))


def _remove(directory: Path, patience_seconds: float) -> None:
    """Remove a group's directory; what is still busy afterwards is left to the next sweep."""
    deadline = time.monotonic() + patience_seconds
    pause = 0.0005
    while directory.exists():
        with contextlib.suppress(OSError):
            directory.rmdir()
            return
        if time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
