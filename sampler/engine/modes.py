"""How attention over the prompt tree is stored and read: the modes of the engine, by name.

tree          what prompts share is stored once and read once for all the rows below it
single_level  sharing ends below the tree's roots: the rest of a prompt is private to each sample
per_sequence  stored once as in `tree`, but each row reads its whole path for itself
no_attention  attention gives zeros and stores nothing: what a step costs without it, for benchmarks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from tree_attention import AttentionStep, KvPool, LayerShape, PoolContext
from tree_attention.transformers_plugin import AttentionCall, TreeContext


@dataclass(frozen=True)
class AttentionMode:
    """One of the modes of the module's text."""

    name: str
    shares_below_roots: bool = True  # whether storage is shared below the roots of the tree
    shares_reads: bool = True  # whether rows read a common node together
    attends: bool = True

    def pool_layers(self, layers: Sequence[LayerShape]) -> list[LayerShape]:
        """The layers as the pool stores them."""
        return list(layers) if self.attends else [replace(layer, kv_heads=0) for layer in layers]

    def context(self, pool: KvPool, step: AttentionStep) -> TreeContext:
        """What the model's attention layers work with in one step."""
        return PoolContext(pool, step) if self.attends else NoAttention()


@dataclass(frozen=True)
class NoAttention:
    """Answers every layer with zeros."""

    def attend(self, call: AttentionCall) -> torch.Tensor:
        """See `TreeContext`."""
        return call.query.new_zeros(*call.query.shape[:2], call.values.shape[-1])


ATTENTION_MODES = {
    mode.name: mode
    for mode in (
        AttentionMode("tree"),
        AttentionMode("single_level", shares_below_roots=False),
        AttentionMode("per_sequence", shares_reads=False),
        AttentionMode("no_attention", attends=False),
    )
}
