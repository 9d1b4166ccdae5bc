"""A decoding step over buffers that stay in place: the same work every time, on whatever lies in them.

Theory of operation. `StaticStep.run` feeds the newest token of every row, draws the next ones and leaves
them where the next run finds them; positions and the place in the random numbers are counted up on the
device. So a run needs nothing from the host: it never waits, its shapes do not depend on data, and it can be
captured in a CUDA graph (`graph_capture`). The host writes to the buffers between runs, by copies that queue
up behind the runs before: the rows of a new topology, now and then pages and some steps' random numbers.

Rows that are not in use are padded ones: they count from position 0, and what is drawn for them is nobody's.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import SamplingParams
from sampler.engine.device_sampling import DeviceDraw, draw_tokens_on_device
from sampler.engine.runner import UNIFORM_STEPS, Block
from tree_attention import AttentionPlan, TreeModel
from tree_attention.kv_storage import IntArray
from tree_attention.plan import NO_BRANCH
from tree_attention.transformers_plugin import TreeContext

UNKNOWN = -1  # in place of a known token


class StepPlan(Protocol):
    """What a static step attends by; `tree_attention.triton_backend.DevicePlan` is one."""

    positions: torch.Tensor  # [rows], int64, of the tokens that the next run feeds

    def load(self, plan: AttentionPlan, positions: IntArray, lengths: IntArray) -> None:
        """Takes another plan; see `DevicePlan.load`."""
        ...

    def load_pages(self) -> None:
        """Takes the pages that branches have got since; see `DevicePlan.load_pages`."""
        ...


class BarePlan:
    """Positions only, for steps without attention. Implements `StepPlan`."""

    def __init__(self, rows: int, device: torch.device) -> None:
        self.positions = torch.zeros(rows, dtype=torch.int64, device=device)

    def load(self, plan: AttentionPlan, positions: IntArray, lengths: IntArray) -> None:
        """See `StepPlan`."""
        del plan, lengths
        send(self.positions, positions)

    def load_pages(self) -> None:
        """See `StepPlan`: nothing is read from any."""


class StaticStep:
    """One decoding step of `rows` rows.

    Attributes:
        rows: how many, padded ones included.
        plan: what it attends by.
        tokens: `[rows]` int64: before a run what it feeds, after it what is fed next.
        faults: `[rows]` bool: the largest logit of the last run is not a finite number.
        logprobs: `[rows]` float32, of the tokens that the last run drew; written if they are asked for.
    """

    def __init__(
        self, model: TreeModel, plan: StepPlan, context: TreeContext, rows: int, params: SamplingParams
    ) -> None:
        """Makes the buffers; all rows are padded ones.

        Args:
            model: what is run.
            plan: with buffers for exactly `rows` rows.
            context: attends by `plan`.
            rows: of a run.
            params: how tokens are drawn; the seed has no say here.
        """
        device = model.device
        self.rows = rows
        self.plan = plan
        self.tokens = torch.zeros(rows, dtype=torch.int64, device=device)
        self.faults = torch.zeros(rows, dtype=torch.bool, device=device)
        self.logprobs = torch.zeros(rows, device=device)
        self._model = model
        self._context = context
        self._params = params
        self._numbers = torch.zeros(UNIFORM_STEPS, rows, dtype=torch.float64, device=device)
        self._known = torch.full((UNIFORM_STEPS, rows), UNKNOWN, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # which of the steps is next
        nobody = AttentionPlan.for_decode([None] * rows, [NO_BRANCH] * rows)
        zeros = np.zeros(rows, dtype=np.int64)
        plan.load(nobody, zeros, zeros)

    def load(self, block: Block) -> None:
        """Takes the rows of a block, padded to `rows`; their tokens and numbers are still to be given."""
        self.plan.load(block.plan, block.positions, block.lengths)

    def load_numbers(self, numbers: npt.NDArray[np.float64], known: IntArray) -> None:
        """Takes what the next runs draw with.

        Args:
            numbers: `[steps, rows in use]`, in [0, 1); UNIFORM_STEPS steps at most.
            known: `[steps, rows in use]`, the token that a run gives whatever is drawn, or UNKNOWN.
        """
        steps, rows = numbers.shape
        unused = ((0, 0), (0, self.rows - rows))
        send(self._numbers[:steps], np.pad(numbers, unused))
        send(self._known[:steps], np.pad(known, unused, constant_values=UNKNOWN))
        self._place.zero_()

    def run(self) -> None:
        """Queues one step."""
        logits = self._model.logits(self.tokens, self.plan.positions, self._context)
        drawn = self._draw(logits)
        known = self._known.index_select(0, self._place)[0]
        torch.where(known == UNKNOWN, drawn.tokens, known, out=self.tokens)
        self.faults.copy_(drawn.faults)
        if drawn.logprobs is not None:
            self.logprobs.copy_(drawn.logprobs)
        self.plan.positions.add_(1)
        self._place.add_(1)

    def _draw(self, logits: torch.Tensor) -> DeviceDraw:
        return draw_tokens_on_device(logits, self._numbers.index_select(0, self._place)[0], self._params)


def send(target: torch.Tensor, values: npt.NDArray[np.generic]) -> None:
    """Copies an array to a tensor of its shape and type; on a GPU in turn, without waiting for it."""
    source = torch.from_numpy(np.ascontiguousarray(values))
    # Pinned memory comes from torch's cache, which does not give it away again before the copy is done.
    target.copy_(source.pin_memory() if target.is_cuda else source, non_blocking=True)
