"""The oracle: tree attention row by row in float64, written to be read.

For every row it collects the keys that the row may read, one after the other, and does one softmax over
them. It is the meaning of `tree_attention`; every backend is tested against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from tree_attention.backend import AttentionOptions
from tree_attention.kv_pool import KvPool
from tree_attention.plan import NO_BRANCH, AttentionStep


@dataclass(frozen=True, eq=False)
class RowContext:
    """All that one row may read before any window. L: tokens."""

    keys: torch.Tensor  # [L, kv_heads, key_dim]
    values: torch.Tensor  # [L, kv_heads, value_dim]
    positions: torch.Tensor  # [L]


def reference_attention(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> torch.Tensor:
    """What `tree_attention` of the same arguments means: `[rows, query_heads, value_dim]` in float64."""
    return reference_attention_with_lse(query, pool, layer, step, options)[0]


def reference_attention_with_lse(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `tree_attention_with_lse` means; both in float64, the second `[rows, query_heads]`."""
    rows = [
        attend_row(query[row], row_context(pool, layer, step, row), int(step.host_positions[row]), options)
        for row in range(step.plan.rows)
    ]
    return torch.stack([out for out, _ in rows]), torch.stack([lse for _, lse in rows])


def attend_row(
    query: torch.Tensor, context: RowContext, position: int, options: AttentionOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """One softmax of one row over its context: `[query_heads, value_dim]` in float64.

    `query` is `[query_heads, key_dim]`, at `position`. The second result is the log-sum-exp `[query_heads]`
    of the scores, without the sinks.
    """
    keys, values = context.keys.double(), context.values.double()
    visible = context.positions <= position
    if options.sliding_window is not None:
        visible &= context.positions > position - options.sliding_window
    group = query.shape[0] // keys.shape[1]
    out, lse = [], []
    for head in range(query.shape[0]):
        kv_head = head // group
        scores = keys[visible, kv_head] @ query[head].double() * options.scale
        if options.softcap is not None:
            scores = options.softcap * torch.tanh(scores / options.softcap)
        sink = -math.inf if options.sinks is None else float(options.sinks[head])
        lse.append(torch.logsumexp(scores, 0))
        top = max(scores.max().item(), sink) if len(scores) else 0.0
        weights = torch.exp(scores - top)
        total = weights.sum() + math.exp(sink - top)
        # A padded row reads nothing: its sums are empty, and its result is 0.
        out.append(weights @ values[visible, kv_head] / (total if total > 0 else 1.0))
    return torch.stack(out), torch.stack(lse)


def row_context(pool: KvPool, layer: int, step: AttentionStep, row: int) -> RowContext:
    """Everything on a row's path, and its suffix."""
    shape = pool.layers[layer]
    keys = [torch.empty(0, shape.kv_heads, shape.key_dim)]
    values = [torch.empty(0, shape.kv_heads, shape.value_dim)]
    positions = [torch.empty(0, dtype=torch.int64)]
    for part in (*step.plan.parts, *step.plan.folded):
        if not part.row_lo <= row < part.row_hi:
            continue
        stop = part.kv_lo + row - part.row_lo + 1 if part.causal else part.kv_hi
        part_keys, part_values = part.node.read(layer, part.kv_lo, stop)
        keys.append(part_keys.transpose(0, 1))
        values.append(part_values.transpose(0, 1))
        positions.append(torch.arange(part.start, part.node.start + stop))
    if step.plan.branches is not None:
        _add_suffix(pool, layer, step, row, keys, values, positions)
    return RowContext(torch.cat(keys), torch.cat(values), torch.cat(positions))


def _add_suffix(
    pool: KvPool,
    layer: int,
    step: AttentionStep,
    row: int,
    keys: list[torch.Tensor],
    values: list[torch.Tensor],
    positions: list[torch.Tensor],
) -> None:
    """The suffix starts where the row's path ends and holds every position up to the row's own."""
    assert step.plan.branches is not None
    parts = (*step.plan.parts, *step.plan.folded)
    start = max((p.node.start + p.kv_hi for p in parts if p.row_lo <= row < p.row_hi), default=0)
    if step.plan.branches[row] == NO_BRANCH:
        return
    owned = np.flatnonzero(pool.pages.owner == step.plan.branches[row])
    for page in owned[np.argsort(pool.pages.first[owned])]:
        first = start + int(pool.pages.first[page])
        tokens = min(pool.pages.page_tokens, int(step.host_positions[row]) + 1 - first)
        keys.append(pool.pages.keys[layer][page, :, :tokens].transpose(0, 1))
        values.append(pool.pages.values[layer][page, :, :tokens].transpose(0, 1))
        positions.append(torch.arange(first, first + tokens))
