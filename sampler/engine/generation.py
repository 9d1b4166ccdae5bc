"""One call of `generate`: continuous batching over the prompt tree.

Theory of operation. A sample waits, is admitted (its nodes and its branch are in the pool), starts when its
prompt has been prefilled, is decoded as a row, and ends. The call goes in turns:

1. waiting samples are admitted while there are free rows and the pool has room for what they are expected to
   need (`Admission`); nodes that they miss are to be prefilled;
2. one prefill call is made, if there is anything to prefill (`Prefill`);
3. samples whose prompts are ready start: each draws its first token from the logits at the end of its prompt;
4. one decoding step is made over all rows (`DecodeRunner`), and the rows that ended give up their pages.

The runner is given the rows anew when they have changed, and only then. When a step finds no page, nodes that
only waiting samples need are evicted, then the row with the fewest tokens is preempted: it gives up its
pages, waits with the tokens that it has, and, admitted again, replays them as steps beside the other rows
before it draws on. What is drawn is the same, because a row's numbers depend on its own tokens alone. The row
that is first in depth-first order is never preempted, so it ends, and so do all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from sampler.core import Completion, FinishReason, SamplingParams
from sampler.engine.admission import Admission
from sampler.engine.errors import KvMemoryError, ModelOutputError
from sampler.engine.philox import Words, uniforms
from sampler.engine.prefill import Prefill
from sampler.engine.row_table import Ended, RowTable
from sampler.engine.runner import DecodeRunner, StepResult
from sampler.engine.samples import Sample
from sampler.engine.sampling import draw_tokens
from sampler.engine.schedule import Schedule
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import StopRules
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import KvPool, PoolFullError
from tree_attention.kv_storage import IntArray


class Generation:
    """The state of one call of `generate`; its owner makes turns while it is busy, and closes it."""

    def __init__(
        self,
        pool: KvPool,
        schedule: Schedule,
        prefill: Prefill,
        runner: DecodeRunner,
        rules: StopRules,
        params: SamplingParams,
        max_rows: int,
        stats: EngineStats,
        ranks: RankGroup,
    ) -> None:
        self._pool = pool
        self._schedule = schedule
        self._prefill = prefill
        self._runner = runner
        self._rules = rules
        self._params = params
        self._max_rows = max_rows
        self._stats = stats
        self._ranks = ranks
        self._admission = Admission(pool, params.max_new_tokens)
        self._starting: list[Sample] = []  # admitted, their prompts not prefilled yet
        self._table = RowTable(max_rows, rules, stats, logprobs=params.logprobs)
        self._slots: IntArray | None = None  # of the runner's rows; None: the rows have changed since
        self._refused_at = -1  # `frees` of the pool when the next sample was last refused
        self._paused: list[Completion] = []  # of samples that ended in a pause
        self._failure: ModelOutputError | None = None  # found in a pause
        self._launches_left = 0  # before the row that has the most tokens reaches the limit

    @property
    def busy(self) -> bool:
        """Whether samples are left to be drawn."""
        return bool(self._schedule.next_sample or self._starting or len(self._table) or self._paused)

    def turn(self) -> list[Completion]:
        """Makes one turn, as in the module's text, and books it; gives the samples that end with it."""
        if self._failure is not None:
            raise self._failure
        began = time.perf_counter()
        done, self._paused = self._paused, []
        with torch.inference_mode():
            self._admit()
            self._prefill.run()
            done += self._start_ready()
            done += self._step()
        self._stats.completions += len(done)
        self._stats.kv_bytes = self._pool.bytes_in_use
        self._stats.kv_bytes_peak = self._pool.peak_bytes
        self._stats.seconds += time.perf_counter() - began
        return done

    def pause(self) -> None:
        """Takes the steps under way, so that another call may use the runner's buffers.

        An error that comes to light is this call's own: its next turn raises it.
        """
        try:
            with torch.inference_mode():
                self._paused += self._finish(self._settle())
        except ModelOutputError as error:
            self._runner.abandon()
            self._failure = error
        self._slots = None

    # ---- samples in ----

    def _admit(self) -> None:
        """Admits waiting samples while there is room; at least one where there is no row.

        A sample that was refused is not looked at again before the pool has got something back.
        """
        while (sample := self._schedule.next_sample) and self._rows_taken < self._max_rows:
            if self._rows_taken and self._pool.frees == self._refused_at:
                return
            if self._rows_taken and not self._fits(sample):
                break
            try:
                fresh = self._schedule.admit(alone=not self._rows_taken)
            except PoolFullError as error:
                if self._rows_taken:
                    break
                raise _full(sample, error) from error
            self._prefill.add(fresh)
            self._starting.append(sample)
        else:
            return
        self._refused_at = self._pool.frees

    @property
    def _rows_taken(self) -> int:
        return len(self._table) + len(self._starting)

    def _fits(self, sample: Sample) -> bool:
        """Whether the pool is expected to hold one more sample beside those admitted, until they end."""
        free = self._pool.free_bytes
        if free == float("inf"):
            return True
        slots, others = self._table.slots, [*self._starting, sample]
        counts = np.concatenate([self._table.counts[slots], [len(other.tokens) for other in others]])
        fed = np.concatenate([self._table.fed[slots], np.zeros(len(others), dtype=np.int64)])
        missing = self._schedule.missing_bytes(sample)
        needed = missing + self._admission.bytes_to_come(counts, fed)
        shortage = max(needed - free, missing - self._pool.free_node_bytes)
        return shortage <= 0 or shortage <= self._schedule.evictable_bytes(sample)

    def _start_ready(self) -> list[Completion]:
        """Makes rows of samples whose prompts are ready; returns those that end with their first token."""
        ready = [sample for sample in self._starting if sample.leaf.ready]
        if not ready:
            return []
        ended = self._settle()
        self._starting = [sample for sample in self._starting if not sample.leaf.ready]
        slots = self._table.add(ready)
        self._slots = None
        first = [index for index, sample in enumerate(ready) if not len(sample.tokens)]
        if first:
            ended += self._draw_first([ready[index] for index in first], slots[first])
        return self._finish(ended)

    def _draw_first(self, samples: Sequence[Sample], slots: IntArray) -> Ended:
        """Draws the first tokens of samples, from the logits at the ends of their prompts."""
        logits = torch.stack([_logits(sample) for sample in samples])
        streams = _columns([sample.stream for sample in samples])
        numbers = uniforms(self._params.seed, streams, np.zeros(len(samples), dtype=np.int64))
        drawn = draw_tokens(logits, numbers, self._params)
        logprobs = None if drawn.logprobs is None else drawn.logprobs.cpu().numpy()
        now = time.perf_counter()
        for sample in samples:
            sample.began = now
            sample.leaf.to_begin -= 1
            if not sample.leaf.to_begin:
                sample.leaf.logits = None
            self._stats.prompt_tokens += sample.leaf.end
        tokens = self._ranks.rank_zero(drawn.tokens).cpu().numpy()
        return self._table.append(slots, StepResult(tokens, logprobs))

    # ---- steps ----

    def _step(self) -> list[Completion]:
        """Makes one decoding step; returns the samples that end."""
        self._launch()
        if not self._runner.in_flight:
            return []
        ended = self._collect()
        return self._finish(ended + self._settle(ended)) if ended else []

    def _launch(self) -> None:
        """Launches as many steps as the runner wants under way, but none after a row's last token."""
        while len(self._table) and self._runner.in_flight <= self._runner.ahead:
            if self._slots is None:
                self._begin()
            if not self._launches_left:
                return
            try:
                self._runner.launch()
            except PoolFullError as error:
                if self._runner.in_flight:
                    return  # its tokens first: rows may end with them
                self._make_room(error)
            else:
                self._launches_left -= 1

    def _begin(self) -> None:
        """Gives the runner the rows as they are now."""
        self._slots = self._table.slots
        self._runner.begin(self._table.batch())
        self._launches_left = self._params.max_new_tokens - 1 - int(self._table.fed[self._slots].max())

    def _collect(self, ended: Sequence[tuple[int, FinishReason]] = ()) -> Ended:
        """Takes the oldest step under way, but not for rows that have ended since it was launched."""
        assert self._slots is not None  # it was launched
        result = self._runner.collect()
        self._stats.steps += 1
        self._stats.shared_tokens_read += self._runner.shared_reads
        if not ended:
            return self._table.step(self._slots, result)
        going_on = ~np.isin(self._slots, [slot for slot, _ in ended])
        return self._table.step(self._slots[going_on], result.rows(going_on))

    def _settle(self, ended: Sequence[tuple[int, FinishReason]] = ()) -> Ended:
        """Takes all steps under way, so that the rows may change; returns the rows that end with them."""
        more: Ended = []
        while self._runner.in_flight:
            more += self._collect([*ended, *more])
        return more

    # ---- samples out ----

    def _finish(self, ended: Ended) -> list[Completion]:
        """Takes ended rows out and makes their completions."""
        if not ended:
            return []
        self._slots = None
        samples = self._table.remove([slot for slot, _ in ended])
        return [self._complete(sample, reason) for sample, (_, reason) in zip(samples, ended, strict=True)]

    def _complete(self, sample: Sample, reason: FinishReason) -> Completion:
        self._schedule.release(sample)
        self._admission.learn(len(sample.tokens))
        self._stats.tokens_saved += self._params.max_new_tokens - len(sample.tokens)
        text = self._rules.text(sample.tokens.tolist(), reason, opens_fence=sample.prompt.opens_fence)
        return sample.completion(text, reason, time.perf_counter() - sample.began)

    def _make_room(self, error: PoolFullError) -> None:
        """Takes memory back for the next step; no step may be under way."""
        slots = self._table.slots
        needy = int((self._table.fed[slots] % self._pool.pages.page_tokens == 0).sum())
        if self._schedule.evict(needy * self._pool.page_bytes):
            return
        self._preempt(error)

    def _preempt(self, error: PoolFullError) -> None:
        """Makes the sample with the fewest tokens wait again; never the one that is first in order."""
        rows = [(self._table.sample(slot), slot) for slot in self._table.slots.tolist()]
        admitted = [(0, sample, -1) for sample in self._starting]
        admitted += [(int(self._table.counts[slot]), sample, slot) for sample, slot in rows]
        oldest = min(sample.order for _, sample, _ in admitted)
        others = [one for one in admitted if one[1].order != oldest]
        if not others:
            raise _full(admitted[0][1], error) from error
        _, victim, slot = min(others, key=lambda one: (one[0], -one[1].order))
        if slot < 0:
            self._starting.remove(victim)
        else:
            self._table.remove([slot])
            self._slots = None
        self._schedule.requeue(victim)
        self._stats.preemptions += 1

    def close(self) -> None:
        """Frees all that it holds."""
        unfinished = self.busy
        self._runner.abandon()
        for sample in [*self._table.remove(self._table.slots.tolist()), *self._starting]:
            self._schedule.release(sample)
        self._starting = []
        self._slots = None
        self._schedule.release_all()
        if unfinished:  # by an error perhaps: its numbers may have overflowed
            self._pool.clear_free_pages()
        self._stats.kv_bytes = self._pool.bytes_in_use


def _logits(sample: Sample) -> torch.Tensor:
    assert sample.leaf.logits is not None  # its prompt has been prefilled
    return sample.leaf.logits


def _columns(streams: Sequence[tuple[int, int, int]]) -> Words:
    return np.array(streams, dtype=np.uint64).reshape(-1, 3).T


def _full(sample: Sample, error: PoolFullError) -> KvMemoryError:
    return KvMemoryError(
        f"prompt {sample.prompt.prompt_id!r} has no room left for its keys and values: {error}. Another call "
        "of generate on this engine holds the rest: finish or close that first, or raise kv_memory "
        "(--engine.kv_memory)"
    )
