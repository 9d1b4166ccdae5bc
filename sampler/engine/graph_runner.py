"""The runner of an accelerator: steps over static buffers, replayed as CUDA graphs, one ahead of the host.

Theory of operation. `begin` finds a captured step for the rows (`step_cache`) and fills its buffers.
`launch` then costs the host the replay of one graph for each block of rows, the copy of the drawn tokens to
a place of pinned memory, and an event; in steps where a row crosses the border of a page also the table of
pages, and now and then random numbers for the next steps. The host never waits but in `collect`, for the
event of the oldest step, while the device already works on the next one.

All of a step is queued on one stream, so what a copy overwrites has been read, and pages that change hands do
so behind the steps that used them. The addresses of the arena are part of a graph: where the arena has been
moved, because it had to grow, the rows go on in a step over the new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import SamplingParams
from sampler.engine.call_shapes import CallShapes
from sampler.engine.device_sampling import raise_on_fault
from sampler.engine.graph_capture import running_on
from sampler.engine.runner import UNIFORM_STEPS, Batch, Block, StepResult, Uniforms
from sampler.engine.static_step import UNKNOWN, StaticStep, send
from sampler.engine.step_cache import CachedStep, StepCache, StepKey, row_bucket
from tree_attention.kv_storage import IntArray


@dataclass(eq=False)
class PlacedBlock:
    """A block of rows in the buffers of a step."""

    block: Block
    cached: CachedStep
    pages_version: int  # of the pool, when its table of pages was sent

    @property
    def rows(self) -> int:
        """Rows in use."""
        return self.block.hi - self.block.lo


class GraphRunner:
    """Runs static steps. Implements `DecodeRunner`."""

    ahead = 1

    def __init__(self, steps: StepCache, params: SamplingParams, shapes: CallShapes) -> None:
        """`steps`: of the model and the pool; they serve one runner at a time."""
        self.shared_reads = 0
        self._steps = steps
        self._pool = steps.pool
        self._params = params
        self._shapes = shapes
        self._placed: list[PlacedBlock] = []
        self._known: Mapping[int, IntArray] = {}
        self._numbers: Uniforms
        self._step = 0  # the next one, since `begin`
        self._numbers_until = 0  # the first step whose random numbers are not on the device
        self._free: list[HostResult] = []
        self._under_way: deque[HostResult] = deque()

    @property
    def in_flight(self) -> int:
        """See `DecodeRunner`."""
        return len(self._under_way)

    def begin(self, batch: Batch) -> None:
        """See `DecodeRunner`."""
        rows = len(batch.leaves)
        size = self._shapes.decode_rows or rows
        shapes = replace(self._shapes, decode_multiple=self._shapes.decode_rows or row_bucket(rows))
        self._known = batch.known
        self._numbers = Uniforms(self._params.seed, batch)
        self._step = self._numbers_until = 0
        with running_on(self._steps.device):
            self._free = [self._host_result(rows) for _ in range(self.ahead + 1)]
            self._placed = []
            for lo in range(0, rows, size):
                block = Block.of(batch, lo, min(lo + size, rows), shapes, self._steps.mode)
                placed = self._place(len(self._placed), block)
                send(placed.cached.step.tokens[: placed.rows], batch.tokens[lo : block.hi])
                self._placed.append(placed)
        self.shared_reads = sum(placed.block.plan.shared_reads for placed in self._placed)

    def launch(self) -> None:
        """See `DecodeRunner`."""
        for placed in self._placed:
            self._make_room(placed.block)
        with running_on(self._steps.device):
            self._replace_stale()
            self._send_numbers()
            result = self._free.pop()
            for placed in self._placed:
                self._launch(placed, result)
            result.sent()
        self._under_way.append(result)
        self._step += 1

    def collect(self) -> StepResult:
        """See `DecodeRunner`."""
        result = self._under_way.popleft()
        self._free.append(result)
        return result.wait()

    def abandon(self) -> None:
        """See `DecodeRunner`. What is still to be written to the host is written before anything later is."""
        self._under_way.clear()

    def _host_result(self, rows: int) -> HostResult:
        return HostResult(rows, self._steps.device, logprobs=self._params.logprobs)

    def _make_room(self, block: Block) -> None:
        rows = block.hi - block.lo
        assert block.plan.branches is not None  # it decodes
        self._pool.extend_branches(block.plan.branches[:rows], block.lengths[:rows])

    def _place(self, index: int, block: Block) -> PlacedBlock:
        """Loads a block into a step that serves it; its tokens are still to be given."""
        page_tokens = self._pool.pages.page_tokens
        longest = max(self._params.max_new_tokens, int(block.lengths.max()) + 1)
        key = StepKey.of(index, block.plan.rows, self._params)
        cached = self._steps.find(key, block.plan, row_pages=-(-longest // page_tokens))
        cached.step.load(block)
        return PlacedBlock(block, cached, self._pool.pages.version)

    def _replace_stale(self) -> None:
        """Moves blocks to other steps where the arena has moved, or a row has outgrown its table of pages."""
        for index, placed in enumerate(self._placed):
            room = placed.cached.row_pages * self._pool.pages.page_tokens
            if placed.cached.stands(self._pool) and placed.block.lengths.max() < room:
                continue
            moved = self._place(index, placed.block)
            moved.cached.step.tokens.copy_(placed.cached.step.tokens)
            self._placed[index] = moved
            self._numbers_until = self._step

    def _send_numbers(self) -> None:
        """Random numbers and known tokens for the next steps; the longer a batch lasts, the more at once."""
        if self._step < self._numbers_until:
            return
        steps = min(self._step + 1, UNIFORM_STEPS)
        numbers = self._numbers.block(self._step, steps)
        known = self._known_tokens(self._step, numbers)
        for placed in self._placed:
            rows = slice(placed.block.lo, placed.block.hi)
            placed.cached.step.load_numbers(numbers[:, rows], known[:, rows])
        self._numbers_until = self._step + steps

    def _known_tokens(self, first: int, numbers: npt.NDArray[np.float64]) -> IntArray:
        """`[steps, rows]`, those of the steps from `first` on."""
        known = np.full(numbers.shape, UNKNOWN, dtype=np.int64)
        for row, tokens in self._known.items():
            some = tokens[first : first + len(known)]
            known[: len(some), row] = some
        return known

    def _launch(self, placed: PlacedBlock, result: HostResult) -> None:
        step = placed.cached.step
        if placed.pages_version != self._pool.pages.version:
            step.plan.load_pages()
            placed.pages_version = self._pool.pages.version
        placed.cached.launch()
        result.take(step, placed.block.lo, placed.block.hi)
        placed.block.advance()


class HostResult:
    """A place on the host for what one step of a batch gives, all blocks together."""

    def __init__(self, rows: int, device: torch.device, *, logprobs: bool) -> None:
        on_gpu = device.type == "cuda"
        self._tokens = torch.empty(rows, dtype=torch.int64, pin_memory=on_gpu)
        self._faults = torch.empty(rows, dtype=torch.bool, pin_memory=on_gpu)
        self._logprobs = torch.empty(rows, pin_memory=on_gpu) if logprobs else None
        # Blocking: while the device works on the next step, the core is better left to other processes.
        self._there = torch.cuda.Event(blocking=True) if on_gpu else None  # type: ignore[no-untyped-call]

    def take(self, step: StaticStep, lo: int, hi: int) -> None:
        """Queues the copies of a block's results, of rows `[lo, hi)`."""
        pairs = [(self._tokens, step.tokens), (self._faults, step.faults)]
        if self._logprobs is not None:
            pairs.append((self._logprobs, step.logprobs))
        for host, device in pairs:
            host[lo:hi].copy_(device[: hi - lo], non_blocking=True)

    def sent(self) -> None:
        """Notes that all copies have been queued."""
        if self._there is not None:
            self._there.record()

    def wait(self) -> StepResult:
        """Waits for the copies.

        Raises:
            ModelOutputError: a row's largest logit is not a finite number.
        """
        if self._there is not None:
            self._there.synchronize()
        raise_on_fault(self._faults.numpy())
        logprobs = None if self._logprobs is None else self._logprobs.numpy().copy()
        return StepResult(self._tokens.numpy().copy(), logprobs)
