"""Runners: decoding steps over a fixed set of rows.

Theory of operation. A runner is given the rows of a topology (`begin`) and then makes steps: each feeds every
row's newest token and draws its next one. What a step needs from the step before stays with the runner, on
the model's device, so nothing has to be read back in between; the random numbers are functions of counters
and are made on the host, some steps ahead.

`launch` begins a step, `collect` waits for the oldest one that is under way and gives its tokens. `ahead`
says how many steps a runner wants under way while the tokens of one are being looked at: 0 where the host and
the device are one, 1 where the device should never wait for the host. With 1, a row that is found ended has
been given a token too many, which is dropped. The rows change only when no step is under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from sampler.core import SamplingParams
from sampler.engine.call_shapes import CallShapes
from sampler.engine.modes import AttentionMode
from sampler.engine.philox import Words, uniforms
from sampler.engine.sampling import DrawnTokens, draw_tokens
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import AttentionPlan, AttentionStep, KvPool, NodeStorage, TreeModel
from tree_attention.kv_storage import IntArray
from tree_attention.plan import NO_BRANCH

UNIFORM_STEPS = 32  # the most steps whose random numbers are made at once


@dataclass(frozen=True, eq=False)
class Batch:
    """The rows of a topology, in depth-first order of the tree. A runner changes none of it."""

    leaves: Sequence[NodeStorage]  # [rows], where each row's prompt ends
    branches: IntArray  # [rows], of the pool
    tokens: IntArray  # [rows], the newest token of each, not yet fed
    positions: IntArray  # [rows], where that token stands in its sequence
    lengths: IntArray  # [rows], tokens of each suffix that have been fed
    streams: Words = field(repr=False)  # [3, rows], of random numbers; see `sampler.engine.philox`
    # row -> its tokens after `tokens`: they are fed one by one, whatever is drawn, until none is left
    known: Mapping[int, IntArray] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class StepResult:
    """What one step gave, on the host."""

    tokens: IntArray  # [rows]
    # [rows], natural; None unless asked for. Of no meaning for a row whose token was known.
    logprobs: npt.NDArray[np.float32] | None

    def rows(self, which: npt.NDArray[np.bool_] | IntArray) -> StepResult:
        """The result of some of the rows."""
        return StepResult(self.tokens[which], None if self.logprobs is None else self.logprobs[which])


class DecodeRunner(Protocol):
    """Makes decoding steps; see the module's text."""

    ahead: int
    shared_reads: int  # prompt tokens that the batch's rows do not read themselves, in one step

    @property
    def in_flight(self) -> int:
        """Steps launched and not collected."""
        ...

    def begin(self, batch: Batch) -> None:
        """Takes new rows in place of those before. No step may be under way."""
        ...

    def launch(self) -> None:
        """Begins the next step, with a page of the pool for each row that needs one.

        Raises:
            PoolFullError: the pool's budget does not allow the pages; nothing has been launched, and it may
                be tried again.
            ModelOutputError: as `collect`, if it is known already.
        """
        ...

    def collect(self) -> StepResult:
        """Waits for the oldest step under way.

        Raises:
            ModelOutputError: a row's largest logit is not a finite number.
        """
        ...

    def abandon(self) -> None:
        """Forgets the steps under way; afterwards their rows' pages may be given away."""
        ...


@dataclass(eq=False)
class Block:
    """Rows `[lo, hi)` of a batch, fed in one call, padded to the rows of its plan."""

    lo: int
    hi: int
    plan: AttentionPlan
    positions: IntArray  # [plan.rows], of the next step
    lengths: IntArray  # [plan.rows]
    live: IntArray  # [plan.rows], 1 for a row of the batch and 0 for a padded one

    @classmethod
    def of(cls, batch: Batch, lo: int, hi: int, shapes: CallShapes, mode: AttentionMode) -> Block:
        """The block of the batch's rows `[lo, hi)`."""
        padding = -(hi - lo) % shapes.decode_multiple
        leaves = [*batch.leaves[lo:hi], *[None] * padding]
        branches = _padded(batch.branches[lo:hi], padding, NO_BRANCH)
        return cls(
            lo,
            hi,
            AttentionPlan.for_decode(leaves, branches.tolist(), share_reads=mode.shares_reads),
            _padded(batch.positions[lo:hi], padding, 0),
            _padded(batch.lengths[lo:hi], padding, 0),
            _padded(np.ones(hi - lo, dtype=np.int64), padding, 0),
        )

    def step(self, pool: KvPool) -> AttentionStep:
        """The next step of these rows, with room in the pool."""
        return AttentionStep.decode(self.plan, pool, self.positions, self.lengths)

    def advance(self) -> None:
        """Goes on to the step after."""
        # New arrays: those of the last step may still be read.
        self.positions = self.positions + self.live
        self.lengths = self.lengths + self.live


class EagerRunner:
    """Runs the model call by call, on every device. Implements `DecodeRunner`."""

    def __init__(
        self,
        model: TreeModel,
        pool: KvPool,
        params: SamplingParams,
        mode: AttentionMode,
        shapes: CallShapes,
        ranks: RankGroup,
        *,
        ahead: int = 0,
    ) -> None:
        self.ahead = ahead
        self.shared_reads = 0
        self._model = model
        self._pool = pool
        self._params = params
        self._mode = mode
        self._shapes = shapes
        self._ranks = ranks
        self._blocks: list[Block] = []
        self._known: Mapping[int, IntArray] = {}
        self._numbers: Uniforms
        self._tokens = torch.empty(0, dtype=torch.int64)  # [rows], to be fed next, on the model's device
        self._steps = 0  # since `begin`
        self._under_way: deque[DrawnTokens] = deque()

    @property
    def in_flight(self) -> int:
        """See `DecodeRunner`."""
        return len(self._under_way)

    def begin(self, batch: Batch) -> None:
        """See `DecodeRunner`."""
        rows = len(batch.leaves)
        size = self._shapes.decode_rows or rows
        self._blocks = [
            Block.of(batch, lo, min(lo + size, rows), self._shapes, self._mode) for lo in range(0, rows, size)
        ]
        self.shared_reads = sum(block.plan.shared_reads for block in self._blocks)
        self._known = batch.known
        self._numbers = Uniforms(self._params.seed, batch)
        self._tokens = torch.from_numpy(batch.tokens).to(self._model.device)
        self._steps = 0

    def launch(self) -> None:
        """See `DecodeRunner`."""
        steps = [block.step(self._pool) for block in self._blocks]  # for all, before any is computed
        logits = [self._logits(block, step) for block, step in zip(self._blocks, steps, strict=True)]
        drawn = draw_tokens(
            logits[0] if len(logits) == 1 else torch.cat(logits), self._numbers.of(self._steps), self._params
        )
        self._put_known(self._ranks.rank_zero(drawn.tokens))
        self._tokens = drawn.tokens
        self._under_way.append(drawn)
        self._steps += 1
        for block in self._blocks:
            block.advance()

    def collect(self) -> StepResult:
        """See `DecodeRunner`."""
        drawn = self._under_way.popleft()
        logprobs = None if drawn.logprobs is None else drawn.logprobs.cpu().numpy()
        return StepResult(drawn.tokens.cpu().numpy(), logprobs)

    def abandon(self) -> None:
        """See `DecodeRunner`."""
        self._under_way.clear()

    def _logits(self, block: Block, step: AttentionStep) -> torch.Tensor:
        """`[rows of the block, vocabulary]`."""
        rows = block.hi - block.lo
        tokens = functional.pad(self._tokens[block.lo : block.hi], (0, block.plan.rows - rows))
        context = self._mode.context(self._pool, step)
        return self._model.logits(tokens, step.positions, context)[:rows]

    def _put_known(self, tokens: torch.Tensor) -> None:
        """Replaces what was drawn for rows whose next token is known."""
        for row, known in self._known.items():
            if self._steps < len(known):
                tokens[row] = int(known[self._steps])


class Uniforms:
    """The random numbers of a batch, step by step; the longer it lasts, the more steps at once."""

    def __init__(self, seed: int, batch: Batch) -> None:
        self._seed = seed
        self._streams = batch.streams
        self._next = batch.lengths + 1  # of each row, the index of the token that its first step draws
        self._first = 0
        self._made: npt.NDArray[np.float64] = np.empty((0, len(batch.lengths)))

    def of(self, step: int) -> npt.NDArray[np.float64]:
        """`[rows]`, in [0, 1); steps are counted from the batch's first, and come in order."""
        if step >= self._first + len(self._made):
            self._first = step
            self._made = self.block(step, min(step + 1, UNIFORM_STEPS))
        numbers: npt.NDArray[np.float64] = self._made[step - self._first]
        return numbers

    def block(self, step: int, steps: int) -> npt.NDArray[np.float64]:
        """Those of `steps` steps from `step` on: `[steps, rows]`."""
        counters = self._next + np.arange(step, step + steps)[:, None]
        streams = np.tile(self._streams, steps)
        return uniforms(self._seed, streams, counters.ravel()).reshape(counters.shape)


def _padded(array: IntArray, padding: int, value: int) -> IntArray:
    return np.concatenate([array, np.full(padding, value, dtype=np.int64)])
