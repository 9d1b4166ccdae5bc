"""What the machine can do, measured in the same run as everything that is held against it."""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers


@dataclass(frozen=True)
class Rates:
    """Rates of a device in one dtype."""

    flops: float  # floating-point operations a second of a large matrix product
    bytes: float  # bytes a second, read and written, of a large copy

    def seconds(self, *, moved: float, computed: float) -> float:
        """The least time for work that moves so many bytes and computes so many operations."""
        return max(moved / self.bytes, computed / self.flops)


@dataclass(frozen=True)
class Samples:
    """Repeated measurements of one thing, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    def as_json(self) -> dict[str, Any]:
        """Median, quartiles and count, in milliseconds."""
        low, high = np.percentile(self.seconds, [25, 75])
        return {
            "median_ms": round(self.median * 1e3, 4),
            "quartiles_ms": [round(float(low) * 1e3, 4), round(float(high) * 1e3, 4)],
            "count": len(self.seconds),
        }


def synchronize(device: torch.device) -> None:
    """Waits for the device's work; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device, repeats: int, warm_up: int = 1) -> Samples:
    """Times `work` so many times, after a warm-up."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(repeats):
        synchronize(device)
        began = time.perf_counter()
        work()
        synchronize(device)
        seconds.append(time.perf_counter() - began)
    return Samples(tuple(seconds))


def measure_rates(device: torch.device, dtype: torch.dtype, *, quick: bool = False) -> Rates:
    """Times a matrix product and a copy that are too large for any cache, but for `quick`."""
    size, elements = (8192, 2**29) if device.type == "cuda" else (2048, 2**26)
    if quick:
        size, elements = size // 4, elements // 16
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty(size, size, device=device, dtype=dtype)
    flops = 2 * size**3 / timed(lambda: torch.mm(a, b, out=product), device, repeats=5).median
    source = torch.ones(elements, device=device, dtype=dtype)
    target = torch.empty_like(source)
    moved = 2 * source.nbytes / timed(lambda: target.copy_(source), device, repeats=5).median
    return Rates(flops, moved)


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Hardware and versions."""
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "system": platform.platform(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    if device.type == "cuda":
        import triton

        found |= {"triton": triton.__version__, "cuda": torch.version.cuda}
        found["memory_gib"] = round(torch.cuda.get_device_properties(device).total_memory / 2**30, 1)
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device)[0]
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    raise OSError("the free memory cannot be read from /proc/meminfo here; give --memory")
