"""Tree attention with torch's own operators: one attention per node, one for all suffixes.

Theory of operation. For a node, the rows that read it and the query heads that share a kv head are folded
into one query axis, `[kv_heads, rows * group, key_dim]`, so that each kv head's keys meet all their queries
in one matrix product. Suffixes are computed page by page in one batched product (each page on behalf of the
row that owns it), and pages of a row are then summed under the row's own maximum. Every part leaves a
normalised result and a log-sum-exp, both float32; they are merged once, with the weights exp(lse - max lse)
(Hydragen, arXiv 2402.05099, section 3.2).

In float32 without mask or cap the operator behind `scaled_dot_product_attention` is used, which gives the
log-sum-exp; everything else goes through explicit products. 16-bit keys and values are read as float32, a
part at a time: rounded partial results would cost accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tree_attention.backend import AttentionOptions
from tree_attention.kv_pool import KvPool
from tree_attention.plan import AttentionStep, NodePart, SuffixStep

_SCORES_AT_ONCE = 1 << 23  # elements of a score matrix held at a time: 32 MiB of float32
_TINY = torch.finfo(torch.float32).tiny
_LOWEST = torch.finfo(torch.float32).min


@dataclass(frozen=True, eq=False)
class Partials:
    """Results of parts before the merge, float32. Where a row has no such part: 0 and -inf."""

    out: torch.Tensor  # [slots, kv_heads, rows, group, value_dim]
    lse: torch.Tensor  # [slots, kv_heads, rows, group]

    @classmethod
    def empty(cls, slots: int, query: torch.Tensor, value_dim: int) -> Partials:
        """No part yet, for a query of `[kv_heads, rows, group, key_dim]`."""
        lead = (slots, *query.shape[:-1])
        out = torch.zeros(*lead, value_dim, dtype=torch.float32, device=query.device)
        return cls(out, torch.full(lead, float("-inf"), dtype=torch.float32, device=query.device))


def attend(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> torch.Tensor:
    """The backend; contract in `tree_attention.attention.tree_attention`."""
    shape = pool.layers[layer]
    by_row = query.float().reshape(len(query), shape.kv_heads, -1, shape.key_dim)
    by_head = by_row.transpose(
        0, 1
    ).contiguous()  # so that the rows of a part fold into one axis without a copy
    slots = step.plan.slots + (step.suffix is not None)
    partials = Partials.empty(slots, by_head, shape.value_dim)
    for part in visible_parts(step, options.sliding_window):
        _attend_part(by_head, part, layer, step, options, partials)
    if step.suffix is not None:
        _attend_suffix(by_row, pool, layer, step, options, partials)
    return merge(partials, options.sinks).transpose(0, 1).flatten(1, 2).to(query.dtype)


def visible_parts(step: AttentionStep, window: int | None) -> Iterator[NodePart]:
    """The plan's node parts without the tokens that the window hides from all of a part's rows."""
    for part in step.plan.parts:
        if window is None:
            yield part
            continue
        first_row = int(step.host_positions[part.row_lo : part.row_hi].min())
        hidden = max(0, first_row - window + 1 - part.start)
        if part.causal or hidden == 0:
            yield part  # the window of a causal part's first row reaches back beyond the part, or is masked
        elif hidden < part.kv_hi - part.kv_lo:
            yield NodePart(part.node, part.kv_lo + hidden, part.kv_hi, part.row_lo, part.row_hi, part.slot)


def merge(partials: Partials, sinks: torch.Tensor | None) -> torch.Tensor:
    """Merges the parts: `[kv_heads, rows, group, value_dim]`, float32. A row without any part gives 0."""
    lse = partials.lse
    top = lse.amax(0)
    if sinks is not None:
        sink = sinks.float().view(len(top), 1, -1)
        top = torch.maximum(top, sink)
    top = top.clamp_min(_LOWEST)
    weights = (lse - top).exp_()
    total = weights.sum(0)
    if sinks is not None:
        total += (sink - top).exp_()
    weights /= total.clamp_min_(_TINY)
    return (partials.out * weights.unsqueeze(-1)).sum(0)


def _attend_part(
    query: torch.Tensor,
    part: NodePart,
    layer: int,
    step: AttentionStep,
    options: AttentionOptions,
    partials: Partials,
) -> None:
    """Computes one node part into its slot; `query`: `[kv_heads, rows, group, key_dim]`."""
    keys = part.node.keys[layer][:, part.kv_lo : part.kv_hi].float()
    values = part.node.values[layer][:, part.kv_lo : part.kv_hi].float()
    plain = options.softcap is None and keys.shape[-1] == values.shape[-1] and keys.device.type == "cpu"
    if plain and not _needs_window_mask(part, step, options.sliding_window):
        rows = slice(part.row_lo, part.row_hi)
        fused = _fused_causal if part.causal else _fused
        out, lse = fused(query[:, rows], keys, values, options.scale)
        partials.out[part.slot, :, rows].copy_(out)
        partials.lse[part.slot, :, rows].copy_(lse)
        return
    at_once = max(1, _SCORES_AT_ONCE // (query.shape[0] * query.shape[2] * keys.shape[1]))
    for row in range(part.row_lo, part.row_hi, at_once):
        rows = slice(row, min(row + at_once, part.row_hi))
        hidden = _hidden(part, step, rows, options.sliding_window)
        out, lse = _explicit(query[:, rows], keys, values, hidden, options)
        partials.out[part.slot, :, rows].copy_(out)
        partials.lse[part.slot, :, rows].copy_(lse)


def _needs_window_mask(part: NodePart, step: AttentionStep, window: int | None) -> bool:
    if window is None:
        return False
    last_row = int(step.host_positions[part.row_lo : part.row_hi].max())
    return part.start <= last_row - window


def _hidden(part: NodePart, step: AttentionStep, rows: slice, window: int | None) -> torch.Tensor | None:
    """`[rows, tokens]`, True where a row must not read a token of the part; None when it may read all."""
    if window is None and not part.causal:
        return None
    position = step.positions[rows, None]
    token = torch.arange(part.start, part.start + part.kv_hi - part.kv_lo, device=position.device)
    hidden = token > position
    return hidden if window is None else hidden | (token <= position - window)


def _fused(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """All rows read all keys: rows and group fold into one query axis.

    Args:
        query: `[kv_heads, rows, group, key_dim]`.
        keys: `[kv_heads, tokens, key_dim]`.
        values: `[kv_heads, tokens, value_dim]`.
        scale: of the scores.

    Returns:
        The normalised output `[kv_heads, rows, group, value_dim]` and log-sum-exp `[kv_heads, rows, group]`.
    """
    out, lse = _operator(query.flatten(1, 2)[None], keys[None], values[None], scale, causal=False)
    lead = query.shape[:3]
    return out.view(*lead, -1), lse[0].reshape(lead)


def _fused_causal(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_fused`, but row i reads keys 0 .. i only."""
    group = query.shape[2]  # becomes the batch axis, over keys that are expanded without a copy
    all_keys, all_values = keys.expand(group, -1, -1, -1), values.expand(group, -1, -1, -1)
    out, lse = _operator(query.permute(2, 0, 1, 3), all_keys, all_values, scale, causal=True)
    return out.permute(1, 2, 0, 3), lse.permute(1, 2, 0)


def _operator(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float, *, causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Output `[batch, heads, queries, value_dim]` and log-sum-exp `[batch, heads, queries]`, strided."""
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, keys, values, 0.0, causal, scale=scale
    )
    return out, lse


def _explicit(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    hidden: torch.Tensor | None,
    options: AttentionOptions,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_fused`, by matrix products; `hidden`: `[rows, tokens]`, True where a row does not read a token."""
    heads, rows, group, _ = query.shape
    scores = _capped(torch.bmm(query.flatten(1, 2), keys.transpose(1, 2)), options)
    scores = scores.view(heads, rows, group, -1)
    if hidden is not None:
        scores.masked_fill_(hidden[None, :, None, :], float("-inf"))
    top = scores.amax(-1, keepdim=True).clamp_min_(_LOWEST)  # finite, also where all is hidden
    weights = scores.sub_(top).exp_()
    total = weights.sum(-1, keepdim=True)
    out = torch.bmm(weights.flatten(1, 2), values).view(heads, rows, group, -1)
    return out / total.clamp_min(_TINY), (top + total.log()).squeeze(-1)


def _capped(scores: torch.Tensor, options: AttentionOptions) -> torch.Tensor:
    """Scales raw scores and applies the soft cap, in place."""
    if options.softcap is None:
        return scores.mul_(options.scale)
    return scores.mul_(options.scale / options.softcap).tanh_().mul_(options.softcap)


def _attend_suffix(
    query: torch.Tensor,
    pool: KvPool,
    layer: int,
    step: AttentionStep,
    options: AttentionOptions,
    partials: Partials,
) -> None:
    """Computes every row's suffix part into the last slot; `query`: `[rows, kv_heads, group, key_dim]`.

    In the comments P is the number of pages and T the tokens of a page.
    """
    suffix = step.suffix
    assert suffix is not None
    rows, heads, group, _ = query.shape
    keys = pool.pages.keys[layer][suffix.pages].float().flatten(0, 1)  # [P * kv_heads, T, key_dim]
    values = pool.pages.values[layer][suffix.pages].float().flatten(0, 1)
    asked = query.index_select(0, suffix.row.clamp(max=rows - 1)).flatten(
        0, 1
    )  # [P * kv_heads, group, key_dim]
    scores = _capped(torch.bmm(asked, keys.transpose(1, 2)), options).view(-1, heads, group, keys.shape[1])
    scores.masked_fill_(_suffix_hidden(suffix, step, options.sliding_window)[:, None, None, :], float("-inf"))
    # Pages of nobody add to a row of their own, the last, so that what lies in them cannot reach a result.
    top = _row_maximum(scores.amax(-1), suffix.row, rows + 1).clamp_min_(_LOWEST)
    weights = scores.sub_(top.index_select(0, suffix.row).unsqueeze(-1)).exp_()
    part = torch.bmm(weights.flatten(0, 1), values).view(-1, heads, group, values.shape[-1])
    total = torch.zeros_like(top).index_add_(0, suffix.row, weights.sum(-1))
    out = part.new_zeros(rows + 1, *part.shape[1:]).index_add_(0, suffix.row, part)
    normalised = out[:rows] / total[:rows].clamp_min(_TINY).unsqueeze(-1)
    partials.out[-1].copy_(normalised.transpose(0, 1))
    partials.lse[-1].copy_((top[:rows] + total[:rows].log()).transpose(0, 1))


def _suffix_hidden(suffix: SuffixStep, step: AttentionStep, window: int | None) -> torch.Tensor:
    if window is None:
        return suffix.hidden
    position = torch.cat([step.positions, step.positions.new_zeros(1)]).index_select(0, suffix.row)
    return suffix.hidden | (suffix.positions <= position[:, None] - window)


def _row_maximum(page_maximum: torch.Tensor, row: torch.Tensor, rows: int) -> torch.Tensor:
    """Maximum over the pages of each row: `[rows, kv_heads, group]` from `[P, kv_heads, group]`."""
    top = page_maximum.new_full((rows, *page_maximum.shape[1:]), float("-inf"))
    index = row[:, None, None].expand_as(page_maximum)
    return top.scatter_reduce_(0, index, page_maximum, "amax")
