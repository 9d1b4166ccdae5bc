"""What a run leaves behind in its sandbox. Part of the agent, see `judge.sandbox.agent`.

A sandbox serves another run only if the next one could not tell that there was this one, but for how many
there were. What could tell is: the writable directories (entries, times, modes, attributes), the inode
numbers that each of them gives out in turn, and the process numbers, which are given out in turn too. All
else that a program can reach is read-only or ends with its processes.
"""

# pathlib takes as long to load as all the rest of the agent together
# ruff: noqa: PTH116, PTH123, PTH208

from __future__ import annotations

import os

WRITABLE = ("/box", "/tmp", "/dev/shm")  # noqa: S108 - names inside the sandbox

_ROOM = 4  # a directory that keeps what runs leave must keep all but one part in this many free


class Traces:
    """Knows the sandbox as it was before the first run, and notices any difference."""

    def __init__(self) -> None:
        _directories()  # the first look sets their access times
        self._directories = _directories()
        self._inodes = _next_inodes()

    def none_of(self, child: int) -> bool:
        """Whether a run, process `child`, has ended without a trace. To be asked after each run."""
        try:
            directories, inodes = _directories(), _next_inodes()
            expected = [number + 1 for number in self._inodes]
            self._inodes = inodes
            return (directories, inodes, _last_process()) == (self._directories, expected, child)
        except OSError:  # a directory that cannot be looked into any more has been changed
            return False


def have_room(files: int) -> bool:
    """Whether runs may go on to leave files in the directories, where there may be `files` in all."""
    used = [os.statvfs(directory) for directory in WRITABLE]
    crowded = any(_ROOM * (directory.f_blocks - directory.f_bfree) > directory.f_blocks for directory in used)
    return not crowded and _ROOM * sum(d.f_files - d.f_ffree for d in used) <= files


def files_kept() -> int:
    """The number of files in the writable directories."""
    return sum(used.f_files - used.f_ffree for used in map(os.statvfs, WRITABLE))


def bytes_kept() -> int:
    """The memory that the files in the writable directories take."""
    return sum((used.f_blocks - used.f_bfree) * used.f_frsize for used in map(os.statvfs, WRITABLE))


def _directories() -> list[object]:
    found: list[object] = []
    for directory in WRITABLE:
        now = os.stat(directory)
        times = now.st_atime_ns, now.st_mtime_ns, now.st_ctime_ns
        found.append((now.st_mode, now.st_nlink, times, os.listdir(directory)))
    return found


def _next_inodes() -> list[int]:
    """The inode number that a new file gets in each directory. Uses it up and leaves no other trace."""
    numbers = []
    for directory in WRITABLE:
        descriptor = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC)
        numbers.append(os.fstat(descriptor).st_ino)
        os.close(descriptor)
    return numbers


def _last_process() -> int:
    """The number that was given last to a process or thread of this PID namespace."""
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])
