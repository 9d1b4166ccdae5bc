"""Captures a step in a CUDA graph: its kernels, and where they read and write, to be launched at once.

Launching a model's kernels one by one takes the host longer than most decoding steps take a GPU; a graph is
launched as a whole. It replays addresses, so all that a step reads and writes must stay in place, and a step
that waits for the device, or whose shapes depend on data, has no graph. Models with such steps are found
before they are captured, because a capture that breaks off leaves torch's allocator in a doubtful state.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch

_WARM_UPS = 2  # compile kernels, make library handles and workspaces: none of it is allowed in a capture


class CaptureError(Exception):
    """A step cannot be captured; the text is the reason."""


class GraphMaker:
    """Captures graphs that never run at once, so that they share the memory of what they compute between."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Memory is shared between captures of one stream only.
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """Captures `work`, after running it a few times.

        Args:
            work: queues kernels on the current stream; running it must change nothing that matters.

        Raises:
            CaptureError: it waits for the device, or does something else that no graph can hold.
        """
        here = torch.cuda.current_stream(self._device)
        self._side.wait_stream(here)
        try:
            with torch.cuda.stream(self._side):
                for _ in range(_WARM_UPS):
                    work()
            return self._captured(work)
        finally:
            torch.cuda.set_stream(here)  # a capture that breaks off does not give its stream back
            here.wait_stream(self._side)

    def _captured(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.stream(self._side), waits_are_errors():
                work()
            # Other threads of the process may use CUDA meanwhile.
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._side, capture_error_mode="thread_local"
            ):
                work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise CaptureError(str(error).partition("\n")[0]) from error
        return graph


@contextmanager
def waits_are_errors() -> Iterator[None]:
    """Has what makes the host wait for the device raise a RuntimeError, as far as torch knows it."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it does not know all
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@contextmanager
def running_on(device: torch.device) -> Iterator[None]:
    """Runs on a device, which CUDA's streams and events take to be the current one; without autograd."""
    with torch.inference_mode(), torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        yield
