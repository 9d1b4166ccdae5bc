"""Prefilling: prompt nodes run through the model, in chunks and several small ones in a call.

A node is cut at fixed places of its own, so that its keys do not depend on what is prefilled beside it; how
the chunks are packed into calls does depend on the others. Between two calls the engine makes a decoding
step, so that a long prompt holds up nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sampler.engine.call_shapes import CallShapes
from sampler.engine.modes import AttentionMode
from sampler.engine.samples import PromptNode
from sampler.engine.stats import EngineStats
from tree_attention import AttentionPlan, AttentionStep, KvPool, PrefillSpan, TreeModel
from tree_attention.cpu import ROW_TILE
from tree_attention.host_copies import to_device
from tree_attention.kv_storage import IntArray


@dataclass(frozen=True, eq=False)
class Chunk:
    """Tokens `[lo, hi)` of a node, prefilled in one call."""

    node: PromptNode
    lo: int
    hi: int

    @property
    def wants_logits(self) -> bool:
        """Whether samples begin after the chunk's last token."""
        return self.hi == self.node.length and self.node.to_begin > 0


class Prefill:
    """The nodes that are stored and not prefilled yet, and the calls that do it."""

    def __init__(
        self, model: TreeModel, pool: KvPool, mode: AttentionMode, shapes: CallShapes, stats: EngineStats
    ) -> None:
        self._stats = stats
        self._model = model
        self._pool = pool
        self._mode = mode
        self._shapes = shapes
        self._nodes: list[PromptNode] = []  # in depth-first order

    def add(self, nodes: Iterable[PromptNode]) -> None:
        """Takes nodes that have just been allocated."""
        self._nodes = sorted([*self._nodes, *nodes], key=lambda node: node.index)

    def run(self) -> None:
        """Makes one call, if there is anything to prefill."""
        chunks = self._next_chunks()
        if chunks:
            self._call(chunks)

    def _next_chunks(self) -> list[Chunk]:
        """Whole chunks, in depth-first order, of `chunk_tokens` tokens together at most."""
        # A node may have been evicted since, and even allocated again: then it is here twice.
        self._nodes = [node for node in dict.fromkeys(self._nodes) if node.storage and not node.ready]
        chunks: list[Chunk] = []
        room = self._shapes.chunk_tokens
        for node in self._nodes:
            chunk = Chunk(node, node.filled, min(node.length, node.filled + self._shapes.chunk_tokens))
            if chunk.hi - chunk.lo > room or (chunks and not self._shapes.packs_chunks):
                break
            if chunk.hi < node.length:  # the nodes below need it whole
                return [*chunks, chunk]
            chunks.append(chunk)
            room -= chunk.hi - chunk.lo
        return chunks

    def _call(self, chunks: Sequence[Chunk]) -> None:
        device = self._model.device
        plan = AttentionPlan.for_prefill(_spans(chunks), pad_to=self._shapes.prefill_multiple)
        step = AttentionStep.prefill(plan, device)
        tokens = np.zeros(plan.rows, dtype=np.int64)
        real = np.concatenate([chunk.node.tokens[chunk.lo : chunk.hi] for chunk in chunks])
        tokens[: len(real)] = real
        ends = np.cumsum([chunk.hi - chunk.lo for chunk in chunks]) - 1
        ending = [(c.node, int(end)) for c, end in zip(chunks, ends, strict=True) if c.wants_logits]
        logits = self._model.logits(
            to_device(tokens, device),
            step.positions,
            self._mode.context(self._pool, step),
            to_device(_whole_tiles([row for _, row in ending]), device),
        )
        for chunk in chunks:
            chunk.node.filled = chunk.hi
        for index, (node, _) in enumerate(ending):
            node.logits = logits[index].clone()
        self._stats.prefilled_tokens += len(real)


def _spans(chunks: Sequence[Chunk]) -> list[PrefillSpan]:
    spans = []
    for chunk in chunks:
        assert chunk.node.storage is not None  # `_next_chunks` takes no other
        spans.append(PrefillSpan(chunk.node.storage, chunk.lo, chunk.hi))
    return spans


def _whole_tiles(rows: list[int]) -> IntArray:
    """The rows, the last one repeated up to whole tiles; never none, so that every call is made alike."""
    rows = rows or [0]
    return np.array([*rows, *[rows[-1]] * (-len(rows) % ROW_TILE)], dtype=np.int64)
