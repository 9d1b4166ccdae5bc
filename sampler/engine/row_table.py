"""The rows that are being decoded: their tokens and counts as arrays, so that a step looks at all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sampler.core import FinishReason
from sampler.engine.philox import Words
from sampler.engine.runner import Batch, StepResult
from sampler.engine.samples import Sample
from sampler.engine.stats import EngineStats
from sampler.engine.stopping import StopRules
from tree_attention import NodeStorage
from tree_attention.kv_storage import IntArray

Ended = list[tuple[int, FinishReason]]  # slots, and why their samples ended


class RowTable:
    """Samples with their tokens, each in a slot of its own while it is decoded.

    Attributes:
        slots: `[rows]`, those in use, in depth-first order of their samples.
        counts: `[all slots]`, tokens that are known: drawn by now, or before the sample was preempted.
        fed: `[all slots]`, tokens whose keys and values are in the suffix.
    """

    def __init__(self, max_rows: int, rules: StopRules, stats: EngineStats, *, logprobs: bool) -> None:
        self.slots: IntArray = np.empty(0, dtype=np.int64)
        self.counts: IntArray = np.zeros(max_rows, dtype=np.int64)
        self.fed: IntArray = np.zeros(max_rows, dtype=np.int64)
        self._stats = stats
        self._rules = rules
        # The operating system gives memory to what is written only.
        self._tokens: IntArray = np.empty((max_rows, rules.max_new_tokens), dtype=np.int64)
        self._logprobs = np.empty(self._tokens.shape, dtype=np.float32) if logprobs else None
        self._samples: dict[int, Sample] = {}  # by slot, as is what follows
        self._leaves: dict[int, NodeStorage] = {}
        self._orders: IntArray = np.zeros(max_rows, dtype=np.int64)
        self._ends: IntArray = np.zeros(max_rows, dtype=np.int64)  # of the prompts
        self._branches: IntArray = np.zeros(max_rows, dtype=np.int64)
        self._streams: Words = np.zeros((3, max_rows), dtype=np.uint64)
        self._free = list(range(max_rows))[::-1]

    def __len__(self) -> int:
        """The rows in use."""
        return len(self.slots)

    def sample(self, slot: int) -> Sample:
        """The sample in a slot in use."""
        return self._samples[slot]

    def add(self, samples: Iterable[Sample]) -> IntArray:
        """Puts admitted samples into free slots, with the tokens they had drawn before; returns the slots."""
        slots = np.array([self._fill(self._free.pop(), sample) for sample in samples], dtype=np.int64)
        both = np.concatenate([self.slots, slots])
        self.slots = both[np.argsort(self._orders[both])]
        return slots

    def remove(self, slots: Sequence[int]) -> list[Sample]:
        """Takes samples out; their `tokens` and `logprobs` are then all that they have drawn."""
        self.slots = self.slots[~np.isin(self.slots, slots)]
        return [self._empty(slot) for slot in slots]

    def batch(self) -> Batch:
        """All rows, for a runner."""
        slots = self.slots
        counts, fed = self.counts[slots], self.fed[slots]
        return Batch(
            leaves=[self._leaves[slot] for slot in slots.tolist()],
            branches=self._branches[slots],
            tokens=self._tokens[slots, fed],
            positions=self._ends[slots] + fed,
            lengths=fed,
            streams=self._streams[:, slots],
            known={
                int(row): self._tokens[slots[row], fed[row] + 1 : counts[row]].copy()
                for row in np.flatnonzero(counts > fed + 1)
            },
        )

    def step(self, slots: IntArray, result: StepResult) -> Ended:
        """Takes a step's result for these rows; says which end with it, and why."""
        self.fed[slots] += 1
        drawn = self.fed[slots] == self.counts[slots]
        if drawn.all():
            return self.append(slots, result)
        self._stats.replayed_tokens += len(slots) - int(drawn.sum())
        return self.append(slots[drawn], result.rows(drawn))

    def append(self, slots: IntArray, result: StepResult) -> Ended:
        """Gives rows the tokens drawn for them; says which end with them, and why."""
        self._stats.new_tokens += len(slots)
        counts = self.counts[slots]
        self._tokens[slots, counts] = result.tokens
        if self._logprobs is not None:
            self._logprobs[slots, counts] = result.logprobs
        counts += 1
        self.counts[slots] = counts
        suspects = self._rules.watched[result.tokens] | (counts == self._rules.max_new_tokens)
        found = ((slot, self._reason(slot)) for slot in slots[suspects].tolist())
        return [(slot, reason) for slot, reason in found if reason is not None]

    def _reason(self, slot: int) -> FinishReason | None:
        tokens = self._tokens[slot, : self.counts[slot]].tolist()
        return self._rules.reason(tokens, opens_fence=self._samples[slot].prompt.opens_fence)

    def _fill(self, slot: int, sample: Sample) -> int:
        assert sample.leaf.storage is not None  # it has been admitted
        self._samples[slot], self._leaves[slot] = sample, sample.leaf.storage
        self._orders[slot], self._ends[slot] = sample.order, sample.leaf.end
        self._branches[slot], self._streams[:, slot] = sample.branch, sample.stream
        count = len(sample.tokens)
        self._tokens[slot, :count] = sample.tokens
        if self._logprobs is not None and sample.logprobs is not None:
            self._logprobs[slot, :count] = sample.logprobs
        self.counts[slot], self.fed[slot] = count, 0
        return slot

    def _empty(self, slot: int) -> Sample:
        sample = self._samples.pop(slot)
        del self._leaves[slot]
        count = self.counts[slot]
        sample.tokens = self._tokens[slot, :count].copy()
        if self._logprobs is not None:
            sample.logprobs = self._logprobs[slot, :count].copy()
        self._free.append(slot)
        return sample
