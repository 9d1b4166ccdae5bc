"""How many processor cores this process may use, which may be fewer than the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """The cores of this process: its CPU affinity, cut by the CPU quotas of its control groups; at least 1.

    Args:
        cgroups: where control groups are mounted, version 1 or 2.
        membership: the file that names this process's groups, in the format of /proc/self/cgroup.
    """
    affinity = len(os.sched_getaffinity(0))
    quotas = [quota for group in _groups(cgroups, membership) for quota in _quotas(group)]
    return max(1, int(min([affinity, *quotas])))


def _groups(cgroups: Path, membership: Path) -> Iterator[Path]:
    """The folders of the process's groups that may hold a CPU quota, and of all groups around them."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:  # no control groups here
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path may be the host's, which is not to be seen; then only the mount's root is.
        for root in (
            (cgroups / controllers, cgroups / "cpu") if controllers else (cgroups, cgroups / "unified")
        ):
            group = root / path.strip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(root))


def _quotas(group: Path) -> Iterator[float]:
    """The CPU quota of a group in cores, if it has one."""
    quota, period = _numbers(group / "cpu.max", 2)  # version 2: "QUOTA PERIOD", or "max PERIOD"
    if quota <= 0:
        (quota,) = _numbers(group / "cpu.cfs_quota_us", 1)  # version 1: -1 for none
        (period,) = _numbers(group / "cpu.cfs_period_us", 1)
    if quota > 0 and period > 0:
        yield quota / period


def _numbers(file: Path, count: int) -> list[float]:
    """The numbers in a file of a control group; -1 for each where it says "max" or is not there."""
    try:
        words = file.read_text(encoding="ascii").split()
    except OSError:
        words = []
    return [float(word) if word.isdigit() else -1.0 for word in [*words, "-", "-"][:count]]
