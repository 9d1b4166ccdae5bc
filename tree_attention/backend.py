"""The contract between `tree_attention` and the backends that compute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from tree_attention.kv_pool import KvPool
from tree_attention.plan import AttentionStep


@dataclass(frozen=True, eq=False)
class AttentionOptions:
    """How scores become weights; the same meanings as in transformers' attention functions."""

    scale: float  # multiplies the scores
    sliding_window: int | None = None  # a query at position p reads positions above p - sliding_window
    softcap: float | None = None  # scores become softcap * tanh(scores / softcap)
    sinks: torch.Tensor | None = (
        None  # [query_heads], a logit for each head that takes weight and gives no value
    )

    def __post_init__(self) -> None:
        if self.sliding_window is not None and self.sliding_window < 1:
            raise ValueError(
                f"sliding_window is {self.sliding_window}; it must be at least 1, or None for no window"
            )
        if self.softcap is not None and not self.softcap > 0:
            raise ValueError(f"softcap is {self.softcap}; it must be above 0, or None for no cap")


class Backend(Protocol):
    """Computes `tree_attention.attention.tree_attention_with_lse` on arguments that have been checked.

    A backend keeps partial results and their log-sum-exps in float32 until one final merge. It is a pure
    function of its arguments and writes nothing to the pool.
    """

    def __call__(
        self, query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The output `[rows, query_heads, value_dim]` and log-sum-exp `[rows, query_heads]`."""
        ...
