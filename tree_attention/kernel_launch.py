"""A kernel with all that it is launched with, as data: what runs and what the checks compile are the same."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, eq=False)
class KernelLaunch:
    """One launch of a Triton kernel."""

    kernel: Any  # a triton.JITFunction
    grid: tuple[int, ...]
    arguments: dict[str, Any]  # by name: tensors, numbers, and the kernel's constants
    warps: int
    registers: int | None = None  # of a thread, at most; None: as the assembler thinks best

    # Fusion would make bits depend on where the compiler finds a multiplication beside an addition.
    fusion = False

    def run(self, device: torch.device) -> None:
        """Queues it on the current stream of `device`."""
        on_gpu = device.type == "cuda"
        guard: AbstractContextManager[Any] = torch.cuda.device(device) if on_gpu else nullcontext()
        with guard:
            self.kernel[self.grid](**self.arguments, **self.options)

    @property
    def options(self) -> dict[str, Any]:
        """The compiler's options."""
        return {"num_warps": self.warps, "maxnreg": self.registers, "enable_fp_fusion": self.fusion}
