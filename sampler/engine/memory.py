"""How much memory keys and values may take: `--engine.kv_memory`.

Unless told otherwise, an engine takes a share of what is free once its model is loaded: `GPU_SHARE` of a GPU,
where the rest is for activations, and `CPU_SHARE` of the machine's memory, which judges and other samplers
need as well. Engines that share a device should each be given a size.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

GPU_SHARE = 0.8
CPU_SHARE = 0.3

KvMemory = int | float | str | None
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B)", re.IGNORECASE)
_UNITS = {"": 1000, "i": 1024}
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP_FILES = (  # version 2, then version 1
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_ALLOWED = "bytes (8000000000), a size ('8GiB', '500MB') or a share of the free memory (0.5)"


def parse_kv_memory(kv_memory: KvMemory) -> int | float | None:
    """Bytes (an integer), a share of the free memory (a float above 0, at most 1), or None for the default.

    Raises:
        ValueError: `kv_memory` is nothing of the kind.
    """
    value = _number(kv_memory.strip()) if isinstance(kv_memory, str) else kv_memory
    if value is None or (type(value) is int and value > 0) or (type(value) is float and 0 < value <= 1):
        return value
    raise ValueError(f"{kv_memory!r} is no memory for keys and values; give {_ALLOWED}")


def _number(text: str) -> int | float:
    size = _SIZE.fullmatch(text)
    if size is not None:
        prefix = size[2].upper()
        base = _UNITS["i" if "I" in prefix else ""]
        return int(float(size[1]) * base ** ("KMGT".index(prefix[0]) + 1))
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return 0  # which is not allowed


def kv_budget(kv_memory: KvMemory, device: torch.device) -> int:
    """The bytes that `kv_memory` comes to on a device, now.

    Raises:
        ValueError: `kv_memory` is none of those allowed.
    """
    value = parse_kv_memory(kv_memory)
    if isinstance(value, int):
        return value
    share = (CPU_SHARE if device.type == "cpu" else GPU_SHARE) if value is None else value
    return int(share * free_bytes(device))


def free_bytes(device: torch.device) -> int:
    """Memory of a device that nobody uses."""
    if device.type != "cuda":
        return min(_available_bytes(), *container_bytes(_CGROUPS))
    import torch

    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + cached


def container_bytes(cgroups: Path) -> Iterator[int]:
    """What a memory limit on this container leaves, if there is one; file caches count as free.

    Args:
        cgroups: where control groups are mounted, version 1 or 2; in a container that is its own group.
    """
    for folder, limit_name, usage_name, cache_name in _CGROUP_FILES:
        group = cgroups / folder
        limit, usage = _read_number(group / limit_name), _read_number(group / usage_name)
        if limit is not None and usage is not None:
            yield max(0, limit - usage + _read_statistic(group / "memory.stat", cache_name))


def _available_bytes() -> int:
    """What Linux holds to be available without swapping; elsewhere half of the machine's memory."""
    available = _read_statistic(Path("/proc/meminfo"), "MemAvailable:")
    if available:
        return available * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _read_number(file: Path) -> int | None:
    """The number in a file; None where there is no such file or it says "max"."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _read_statistic(file: Path, name: str) -> int:
    """The number after `name` in a file of lines "NAME NUMBER"; 0 where there is none."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)
