"""Captures a step in a CUDA graph: its kernels, and where they read and write, to be launched at once.

Launching a model's kernels one by one takes the host longer than most decoding steps take a GPU; a graph is
launched as a whole. It replays addresses, so all that a step reads and writes must stay in place, and a step
that waits for the device, or whose shapes depend on data, has no graph. Models with such steps are found
before they are captured, because a capture that breaks off leaves torch's allocator in a doubtful state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

_WARM_UPS = 2  # compile kernels, make library handles and workspaces: none of it is allowed in a capture


class CaptureError(Exception):
    """A step cannot be captured; the text is the reason."""


def capture(work: Callable[[], None], device: torch.device, pool: Any) -> torch.cuda.CUDAGraph:
    """Captures `work`, after running it a few times.

    Args:
        work: queues kernels on the current stream; running it must change nothing that matters.
        device: where.
        pool: of `torch.cuda.graph_pool_handle`, the memory that graphs share which never run at once.

    Raises:
        CaptureError: it waits for the device, or does something else that no graph can hold.
    """
    here = torch.cuda.current_stream(device)
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side.wait_stream(here)
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            work()
        _check_never_waits(work)
    here.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads of the process may use CUDA meanwhile.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            work()
    except RuntimeError as error:
        raise CaptureError(_first_line(error)) from error
    return graph


def _check_never_waits(work: Callable[[], None]) -> None:
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        work()
    except RuntimeError as error:
        raise CaptureError(_first_line(error)) from error
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


@contextmanager
def running_on(device: torch.device) -> Iterator[None]:
    """Runs on a device, which CUDA's streams and events take to be the current one; without autograd."""
    with torch.inference_mode(), torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        yield
