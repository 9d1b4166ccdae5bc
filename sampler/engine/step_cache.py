"""The static steps of an engine, each for a number of rows and a size of plan, captured once and used again.

Rows are padded to a *bucket*, and plans to a capacity, so that few steps serve all batches. Buckets are
powers of two and, from 8 on, the halves between: at most three of eight rows are padded. Closer ones would
save little, because steps of up to a hundred rows or so take the time of reading the weights, whatever the
rows, and each costs a second or so for its capture. Above, where products cost by the row, buckets are 64
rows apart.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from sampler.core import SamplingParams
from sampler.engine.graph_capture import CaptureError, GraphMaker
from sampler.engine.modes import AttentionMode, NoAttention
from sampler.engine.static_step import BarePlan, StaticStep
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import AttentionPlan, KvPool, OpenedModel
from tree_attention.attention import triton_installed
from tree_attention.device_context import DevicePlanContext

if TYPE_CHECKING:
    from tree_attention.plan_layout import PlanCapacity  # what follows needs Triton
    from tree_attention.triton_backend import DevicePlan

MOST_STEPS = 64  # that are kept: each holds its buffers and its graph; the memory of activations is shared
_SPARE_ITEMS = 8  # a plan may be put where so many times its items have room: unused ones exit at once

logger = logging.getLogger(__name__)


def step_cache_for(
    opened: OpenedModel, pool: KvPool, mode: AttentionMode, ranks: RankGroup
) -> StepCache | None:
    """A cache for steps that become CUDA graphs; None where there can be none.

    They take a CUDA device and Triton, and one rank: what ranks tell each other is not captured.
    """
    if opened.tree_model.device.type != "cuda" or not triton_installed() or ranks.size > 1:
        return None
    return StepCache(opened, pool, mode, capture=True)


def row_bucket(rows: int) -> int:
    """The rows of the step that serves `rows` rows."""
    if rows > 128:
        return -(-rows // 64) * 64
    power = 1 << (rows - 1).bit_length()
    between = power * 3 // 4
    return between if 8 < rows <= between else power


@dataclass(frozen=True)
class StepKey:
    """What a step is made for, beside the size of its plan."""

    block: int  # of its batch: the blocks of one batch are under way at once
    rows: int
    params: SamplingParams  # as far as they say how tokens are drawn

    @classmethod
    def of(cls, block: int, rows: int, params: SamplingParams) -> StepKey:
        """The key, with what has no say in drawing left out."""
        drawing = replace(params, max_new_tokens=1, stop=(), stop_at_closed_fence=False, seed=0)
        return cls(block, rows, drawing)


@dataclass(eq=False)
class CachedStep:
    """A step, ready to be launched."""

    key: StepKey
    row_pages: int  # suffix pages that a row may have
    capacity: PlanCapacity | None  # None: it attends to nothing
    step: StaticStep
    graph: torch.cuda.CUDAGraph | None  # None: the step runs kernel by kernel
    arena: weakref.ref[torch.Tensor]  # the first of the tensors whose addresses the graph holds

    def launch(self) -> None:
        """Queues one step."""
        if self.graph is None:
            self.step.run()
        else:
            self.graph.replay()

    def stands(self, pool: KvPool) -> bool:
        """Whether the arena is where the graph reads and writes it."""
        return self.arena() is pool.pages.keys[0]

    def serves(self, key: StepKey, row_pages: int, needed: PlanCapacity | None) -> bool:
        """Whether a plan fits, and not too loosely."""
        if self.key != key or not row_pages <= self.row_pages <= 2 * row_pages:
            return False
        if needed is None or self.capacity is None:
            return True
        return self.capacity.holds(needed) and self.capacity.items <= _SPARE_ITEMS * max(1, needed.items)


class StepCache:
    """Makes and keeps static steps, those used last."""

    def __init__(self, opened: OpenedModel, pool: KvPool, mode: AttentionMode, *, capture: bool) -> None:
        """`capture`: whether steps become CUDA graphs."""
        self.pool = pool
        self.mode = mode
        self.model = opened.tree_model
        self.device = opened.tree_model.device
        self._heads = max(opened.query_heads)
        # None: steps are launched kernel by kernel
        self._graphs = GraphMaker(self.device) if capture else None
        self._steps: deque[CachedStep] = deque(maxlen=MOST_STEPS)  # the one used last comes last
        self._probes: dict[int, DevicePlan] = {}  # by rows: what plans need
        self._scratch = torch.empty(0, device=self.device)  # steps are never under way at once

    def __len__(self) -> int:
        """Steps that are kept."""
        return len(self._steps)

    def find(self, key: StepKey, plan: AttentionPlan, row_pages: int) -> CachedStep:
        """A step for `plan`, made if there is none; the plan is not loaded yet.

        Args:
            key: with the plan's rows.
            plan: what is to be loaded.
            row_pages: suffix pages that a row will have at most.
        """
        needed = self._needed(key.rows, plan) if self.mode.attends else None
        self._drop_moved()
        found = next((one for one in reversed(self._steps) if one.serves(key, row_pages, needed)), None)
        if found is None:
            found = self._make(key, row_pages, needed)
        else:
            self._steps.remove(found)
        if len(self._steps) == MOST_STEPS:
            self._wait()
        self._steps.append(found)
        return found

    def _drop_moved(self) -> None:
        """Forgets the steps over an arena that is no more."""
        if not all(one.stands(self.pool) for one in self._steps):
            self._wait()
            self._steps = deque((s for s in self._steps if s.stands(self.pool)), maxlen=MOST_STEPS)

    def _wait(self) -> None:
        """Lets the device finish: graphs are about to be dropped, and may be running."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _needed(self, rows: int, plan: AttentionPlan) -> PlanCapacity:
        from tree_attention.plan_layout import PlanCapacity
        from tree_attention.triton_backend import DevicePlan

        if rows not in self._probes:
            least = PlanCapacity(rows=rows, nodes=1, items=1, node_partials=1, row_pages=0)
            self._probes[rows] = DevicePlan(
                self.pool, self._heads, least, shares_reads=self.mode.shares_reads
            )
        return self._probes[rows].needed(plan)

    def _make(self, key: StepKey, row_pages: int, needed: PlanCapacity | None) -> CachedStep:
        arena = weakref.ref(self.pool.pages.keys[0])
        if needed is None:
            bare = BarePlan(key.rows, self.device)
            step = StaticStep(self.model, bare, NoAttention(), key.rows, key.params)
            return CachedStep(key, row_pages, None, step, self._capture(step), arena)
        capacity = replace(needed.rounded(), rows=key.rows, row_pages=row_pages)
        plan = self._device_plan(capacity)
        step = StaticStep(self.model, plan, DevicePlanContext(plan), key.rows, key.params)
        return CachedStep(key, row_pages, capacity, step, self._capture(step), arena)

    def _device_plan(self, capacity: PlanCapacity) -> DevicePlan:
        from tree_attention.triton_backend import DevicePlan, scratch_size

        size = scratch_size(self.pool, self._heads, capacity)
        if len(self._scratch) < size:  # the steps made so far keep the smaller one
            self._scratch = torch.empty(size, device=self.device)
        return DevicePlan(
            self.pool,
            self._heads,
            capacity,
            shares_reads=self.mode.shares_reads,
            scratch=self._scratch,
        )

    def _capture(self, step: StaticStep) -> torch.cuda.CUDAGraph | None:
        if self._graphs is None:
            return None
        try:
            return self._graphs.capture(step.run)
        except CaptureError as error:
            self._graphs = None
            logger.warning(
                "decoding steps of %s are launched kernel by kernel, which is slower: no CUDA graph can hold "
                "them (%s)",
                type(self.model.model).__name__,
                error,
            )
            return None
