"""One call of `generate`: continuous batching over the prompt tree.

Theory of operation. Up to `max_rows` samples are decoded together, one token each a step. A sample begins
by drawing its first token from the logits at the end of its prompt, which were kept when the prompt's last
node was prefilled; each step then feeds every row's newest token and draws the next. When rows end, their
pages are freed, waiting samples are begun in their places, and the attention plan is made anew; nothing
else ever changes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from sampler.core import Completion, FinishReason, SamplingParams
from sampler.engine.philox import Words, stream_words, uniforms
from sampler.engine.sampling import draw_tokens
from sampler.engine.schedule import Branch, Schedule
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import SampleText, StopRules
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import AttentionPlan, AttentionStep, KvPool, Node, PoolContext, TreeModel
from tree_attention.kv_pool import IntArray

PREFILL_TOKENS = 2048  # prompt tokens run through the model at a time; bounds its activations


@dataclass(eq=False)
class Row:
    """A sample that is being drawn."""

    branch: Branch
    text: SampleText
    stream: tuple[int, int, int]  # of its random numbers
    pool_branch: int
    began: float  # seconds, of time.perf_counter

    def finish(self, reason: FinishReason) -> Completion:
        """The completion, ended for `reason`."""
        return Completion(
            prompt_id=self.branch.prompt.prompt_id,
            sample_index=self.branch.sample_index,
            token_ids=tuple(self.text.token_ids),
            text=self.text.text(),
            finish_reason=reason,
            prompt_tokens=self.branch.leaf.end,
            shared_prompt_tokens=self.branch.shared_prompt_tokens,
            seconds=time.perf_counter() - self.began,
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """All rows as arrays, in their order, with the plan that reads for them."""

    plan: AttentionPlan
    tokens: IntArray  # [rows], the newest token of each, not yet fed
    positions: IntArray  # [rows], where that token stands
    drawn: IntArray  # [rows], tokens drawn so far
    streams: Words = field(repr=False)  # [3, rows]

    @classmethod
    def of(cls, rows: Sequence[Row], schedule: Schedule) -> Batch:
        """The batch of rows that have drawn a token at least, oldest first."""
        drawn = np.array([len(row.text.token_ids) for row in rows], dtype=np.int64)
        ends = np.array([row.branch.leaf.end for row in rows], dtype=np.int64)
        leaves = [schedule.storage(row.branch.leaf) for row in rows]
        return cls(
            plan=AttentionPlan.for_decode(leaves, [row.pool_branch for row in rows]),
            tokens=np.array([row.text.token_ids[-1] for row in rows], dtype=np.int64),
            positions=ends + drawn - 1,
            drawn=drawn,
            streams=_columns([row.stream for row in rows]),
        )

    def advanced(self, tokens: IntArray) -> Batch:
        """The same rows, each one token further."""
        return replace(self, tokens=tokens, positions=self.positions + 1, drawn=self.drawn + 1)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Tokens `[lo, hi)` of a node, prefilled in one call."""

    node: Node
    lo: int
    hi: int

    @property
    def ends_prompt(self) -> bool:
        """Whether samples begin after the chunk's last token."""
        return self.hi == self.node.length and bool(self.node.ending)


class Generation:
    """The state of one call of `generate`. Iterate over `run()`; closing that frees all that it holds."""

    def __init__(
        self,
        model: TreeModel,
        pool: KvPool,
        schedule: Schedule,
        rules: StopRules,
        params: SamplingParams,
        max_rows: int,
        stats: EngineStats,
        ranks: RankGroup,
    ) -> None:
        self._model = model
        self._pool = pool
        self._schedule = schedule
        self._rules = rules
        self._params = params
        self._max_rows = max_rows
        self._stats = stats
        self._ranks = ranks
        self._rows: list[Row] = []
        self._batch: Batch | None = None  # None: the rows have changed since it was made

    def run(self) -> Iterator[Completion]:
        """Draws all waiting samples; gives each as it ends."""
        try:
            while True:
                if self._schedule.waiting and len(self._rows) < self._max_rows:
                    yield from self._timed(self._refill)
                elif self._rows:
                    yield from self._timed(self._step)
                else:
                    return
        finally:
            self._release_all()

    def _timed(self, work: Callable[[], list[Completion]]) -> list[Completion]:
        """Does one piece of work and books it."""
        began = time.perf_counter()
        with torch.inference_mode():
            finished = work()
        self._stats.completions += len(finished)
        self._stats.kv_bytes = self._pool.bytes_in_use
        self._stats.kv_bytes_peak = self._pool.peak_bytes
        self._stats.seconds += time.perf_counter() - began
        return finished

    def _refill(self) -> list[Completion]:
        """Begins waiting samples in all free rows; returns those that their first token ends."""
        branches = self._schedule.take(self._max_rows - len(self._rows))
        chunks = _chunks(self._schedule.allocate_missing(branches))
        for call in chunks:
            self._prefill(call)
        rows = [self._begin(branch) for branch in branches]
        self._rows += rows
        streams = _columns([row.stream for row in rows])
        tokens = self._draw(self._schedule.logits(branches), streams, np.zeros(len(rows), dtype=np.int64))
        self._stats.prompt_tokens += sum(branch.leaf.end for branch in branches)
        self._batch = None
        return self._append(rows, tokens)

    def _step(self) -> list[Completion]:
        """Feeds every row's newest token and draws the next; returns the samples that end."""
        batch = self._batch = self._batch or Batch.of(self._rows, self._schedule)
        step = AttentionStep.decode(batch.plan, self._pool, batch.positions, batch.drawn - 1)
        tokens = torch.from_numpy(batch.tokens).to(self._model.device)
        logits = self._model.logits(tokens, step.positions, PoolContext(self._pool, step))
        drawn = self._draw(logits, batch.streams, batch.drawn)
        self._stats.steps += 1
        self._stats.shared_tokens_read += batch.plan.shared_reads
        self._batch = batch.advanced(drawn)
        return self._append(self._rows, drawn)

    def _prefill(self, chunks: list[Chunk]) -> None:
        """Runs prompt tokens through the model in one call."""
        device = self._model.device
        spans = [self._schedule.span(chunk.node, chunk.lo, chunk.hi) for chunk in chunks]
        step = AttentionStep.prefill(AttentionPlan.for_prefill(spans), device)
        tokens = np.concatenate([chunk.node.tokens[chunk.lo : chunk.hi] for chunk in chunks])
        last_rows = np.cumsum([chunk.hi - chunk.lo for chunk in chunks]) - 1
        ending = [
            (chunk.node, row) for chunk, row in zip(chunks, last_rows, strict=True) if chunk.ends_prompt
        ]
        keep = torch.tensor([int(row) for _, row in ending], dtype=torch.int64, device=device)
        context = PoolContext(self._pool, step)
        logits = self._model.logits(torch.from_numpy(tokens).to(device), step.positions, context, keep)
        for index, (node, _) in enumerate(ending):
            self._schedule.keep_logits(node, logits[index].clone())
        self._stats.prefilled_tokens += len(tokens)

    def _begin(self, branch: Branch) -> Row:
        stream = stream_words(branch.prompt.prompt_id, branch.sample_index)
        pool_branch = self._pool.open_branch(self._schedule.storage(branch.leaf))
        return Row(branch, SampleText(self._rules), stream, pool_branch, time.perf_counter())

    def _draw(self, logits: torch.Tensor, streams: Words, steps: IntArray) -> IntArray:
        numbers = uniforms(self._params.seed, streams, steps)
        tokens = self._ranks.rank_zero(draw_tokens(logits, numbers, self._params).tokens)
        drawn: IntArray = tokens.cpu().numpy()
        self._stats.new_tokens += len(drawn)
        return drawn

    def _append(self, rows: Sequence[Row], tokens: IntArray) -> list[Completion]:
        """Gives each row its token; ends those that are complete."""
        reasons = [row.text.append(token) for row, token in zip(rows, tokens.tolist(), strict=True)]
        ended = [(row, reason) for row, reason in zip(rows, reasons, strict=True) if reason is not None]
        if not ended:
            return []
        gone = {id(row) for row, _ in ended}
        self._rows = [row for row in self._rows if id(row) not in gone]
        self._batch = None
        for row, _ in ended:
            self._pool.close_branch(row.pool_branch)
            self._schedule.release(row.branch)
        return [row.finish(reason) for row, reason in ended]

    def _release_all(self) -> None:
        for row in self._rows:
            self._pool.close_branch(row.pool_branch)
        self._rows = []
        self._batch = None
        self._schedule.release_all()
        self._stats.kv_bytes = self._pool.bytes_in_use


def _columns(streams: Sequence[tuple[int, int, int]]) -> Words:
    return np.array(streams, dtype=np.uint64).reshape(-1, 3).T


def _chunks(nodes: Sequence[Node]) -> Iterator[list[Chunk]]:
    """Cuts nodes, in depth-first order, into calls of at most PREFILL_TOKENS tokens."""
    call: list[Chunk] = []
    room = PREFILL_TOKENS
    for node in nodes:
        lo = 0
        while lo < node.length:
            hi = min(node.length, lo + room)
            call.append(Chunk(node, lo, hi))
            room -= hi - lo
            lo = hi
            if not room:
                yield call
                call, room = [], PREFILL_TOKENS
    if call:
        yield call
