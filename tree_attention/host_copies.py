"""Copies from the host to a device that the host does not wait for.

A copy from ordinary memory waits until the device has done all that was queued before. One from pinned memory
queues up behind it, and the host goes on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch


def made_current(device: torch.device) -> AbstractContextManager[Any]:
    """Has CUDA take `device` for the current one, where it is a CUDA device.

    Pinned memory, streams and events that name no device are of the current one.
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def to_device(values: npt.NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """A tensor on `device` of the shape and type of `values`; on the CPU it is the array's own memory."""
    source = torch.from_numpy(values)
    if device.type != "cuda":
        return source.to(device)
    with made_current(device):
        # It comes from torch's cache, which does not give it away again before the copy is done.
        return source.pin_memory().to(device, non_blocking=True)
