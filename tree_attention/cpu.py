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

A row's result does not depend on the rows beside it, down to the last bit in float32: keys are split at fixed
places of their node, which of the two ways is taken is decided row by row, sums run in the order of the row's
own path and pages, and matrix products have a multiple of `ROW_TILE` rows, because a library may compute the
one to three rows left over from its tiles in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tree_attention.backend import AttentionOptions
from tree_attention.kv_pool import KvPool
from tree_attention.plan import AttentionStep, NodePart, SuffixLayout

ROW_TILE = 4  # measured with MKL: rows of a product differ only where one to three of them are left over
_SPLIT = 512  # keys of a node that explicit products take at a time
_SCORES_AT_ONCE = 1 << 22  # elements of a score matrix held at a time: 16 MiB of float32
_SMALL_PRODUCT = 400  # multiplications below which torch's batched product takes another way
_TINY = torch.finfo(torch.float32).tiny
_LOWEST = torch.finfo(torch.float32).min


@dataclass(frozen=True, eq=False)
class Partial:
    """What rows `[row_lo, row_hi)` get from one part, float32. A row that reads nothing of it: 0 and -inf."""

    row_lo: int
    row_hi: int
    out: torch.Tensor  # [kv_heads, rows, group, value_dim], normalised
    lse: torch.Tensor  # [kv_heads, rows, group]


def attend(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """The backend; contract in `tree_attention.attention.tree_attention_with_lse`."""
    shape = pool.layers[layer]
    by_row = query.float().reshape(len(query), shape.kv_heads, -1, shape.key_dim)
    # So that the rows of a part fold into one axis without a copy.
    by_head = by_row.transpose(0, 1).contiguous()
    partials = [
        _attend_part(by_head, part, layer, step, options)
        for part in step.plan.parts
        if not _out_of_window(part, step, options.sliding_window)
    ]
    if step.suffix is not None:
        partials.append(_attend_suffix(by_row, pool, layer, step, options))
    out, lse = merge(partials, by_head.new_zeros(*by_head.shape[:-1], shape.value_dim), options.sinks)
    return out.transpose(0, 1).flatten(1, 2).to(query.dtype), lse.transpose(0, 1).flatten(1, 2)


def merge(
    partials: Sequence[Partial], out: torch.Tensor, sinks: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Merges parts, in their order, into `out`: zeros of `[kv_heads, rows, group, value_dim]`, float32.

    Returns:
        `out`, and the log-sum-exp `[kv_heads, rows, group]` of the scores, without the sinks. A row without
        any part gives 0 and -inf.
    """
    top = out.new_full(out.shape[:-1], _LOWEST)
    for part in partials:
        rows = top[:, part.row_lo : part.row_hi]
        torch.maximum(rows, part.lse, out=rows)
    if sinks is not None:
        sink = sinks.float().view(len(out), 1, -1)
        torch.maximum(top, sink, out=top)
    total = torch.zeros_like(top)
    for part in partials:
        span = slice(part.row_lo, part.row_hi)
        weight = (part.lse - top[:, span]).exp_()
        total[:, span] += weight
        out[:, span].addcmul_(part.out, weight.unsqueeze(-1))
    lse = top + total.log()
    if sinks is not None:
        total += (sink - top).exp_()
    return out.div_(total.clamp_min_(_TINY).unsqueeze(-1)), lse


def _out_of_window(part: NodePart, step: AttentionStep, window: int | None) -> bool:
    """Whether the window hides the whole part from all its rows."""
    if window is None:
        return False
    first_row = int(step.host_positions[part.row_lo : part.row_hi].min())
    return part.node.start + part.kv_hi - 1 <= first_row - window


def _attend_part(
    query: torch.Tensor, part: NodePart, layer: int, step: AttentionStep, options: AttentionOptions
) -> Partial:
    """Computes one node part; `query`: `[kv_heads, all rows, group, key_dim]`."""
    keys, values = (t.float() for t in part.node.read(layer, part.kv_lo, part.kv_hi))
    asked = query[:, part.row_lo : part.row_hi]
    masked = _masked_rows(part, step, keys, values, options)
    if not masked.any():
        out, lse = (_fused_causal if part.causal else _fused)(asked, keys, values, options.scale)
    elif masked.all():
        out, lse = _explicit(asked, keys, values, part, step, options)
    else:
        out, lse = _explicit(asked, keys, values, part, step, options)
        plain = torch.from_numpy(~masked).nonzero().squeeze(1).to(query.device)
        out[:, plain], lse[:, plain] = _fused(asked[:, plain], keys, values, options.scale)
    return Partial(part.row_lo, part.row_hi, out, lse)


def _masked_rows(
    part: NodePart,
    step: AttentionStep,
    keys: torch.Tensor,
    values: torch.Tensor,
    options: AttentionOptions,
) -> npt.NDArray[np.bool_]:
    """`[rows]`, True for those that explicit products must compute."""
    positions = step.host_positions[part.row_lo : part.row_hi]
    plain = options.softcap is None and keys.shape[-1] == values.shape[-1] and keys.device.type == "cpu"
    if not plain:
        return np.ones(len(positions), dtype=bool)
    if options.sliding_window is None:
        return np.zeros(len(positions), dtype=bool)
    masked = part.start <= positions - options.sliding_window
    # The operator for causal parts wants all rows or none, and these are a matter of the node alone.
    return np.full_like(masked, masked.any()) if part.causal else masked


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
    lead = query.shape[:3]
    folded = _whole_tiles(query.flatten(1, 2))
    out, lse = _operator(folded[None], keys[None], values[None], scale, causal=False)
    size = lead[1] * lead[2]
    return out[0, :, :size].reshape(*lead, -1), lse[0, :, :size].reshape(lead)


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


def _whole_tiles(query: torch.Tensor) -> torch.Tensor:
    """`[kv_heads, queries, key_dim]`, with zeros added up to whole tiles of queries."""
    rest = -query.shape[1] % ROW_TILE
    return functional.pad(query, (0, 0, 0, rest)) if rest else query


def _explicit(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    part: NodePart,
    step: AttentionStep,
    options: AttentionOptions,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_fused`, by matrix products, with the part's mask; some rows at a time."""
    heads, rows, group, _ = query.shape
    at_once = max(ROW_TILE, _SCORES_AT_ONCE // (heads * group * _SPLIT) // ROW_TILE * ROW_TILE)
    done = [
        _explicit_rows(query[:, row : row + at_once], keys, values, row, part, step, options)
        for row in range(0, rows, at_once)
    ]
    return torch.cat([out for out, _ in done], 1), torch.cat([lse for _, lse in done], 1)


def _explicit_rows(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    first_row: int,
    part: NodePart,
    step: AttentionStep,
    options: AttentionOptions,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One running softmax over the splits of the keys, for rows from the part's `first_row` on."""
    heads, rows, group, _ = query.shape
    folded = _whole_tiles(query.flatten(1, 2))
    top = folded.new_full((*folded.shape[:2], 1), _LOWEST)
    total = torch.zeros_like(top)
    out = folded.new_zeros(*folded.shape[:2], values.shape[-1])
    span = slice(part.row_lo + first_row, part.row_lo + first_row + rows)
    for lo in _splits(part, step, span, options.sliding_window):
        split = slice(lo, lo + _SPLIT)
        scores = _capped(_products(folded, keys[:, split].transpose(1, 2)), options)
        hidden = _hidden(part, lo, scores.shape[-1], step, span, options.sliding_window)
        if hidden is not None:
            by_row = scores[:, : rows * group].view(heads, rows, group, -1)
            by_row.masked_fill_(hidden[None, :, None, :], float("-inf"))
        higher = torch.maximum(top, scores.amax(-1, keepdim=True))  # finite, also where all is hidden
        weights = scores.sub_(higher).exp_()
        rescale = top.sub_(higher).exp_()
        total = total.mul_(rescale).add_(weights.sum(-1, keepdim=True))
        out = out.mul_(rescale).add_(_products(weights, values[:, split]))
        top = higher
    lse = (top + total.log()).squeeze(-1)
    out /= total.clamp_min(_TINY)
    size = rows * group
    return out[:, :size].view(heads, rows, group, -1), lse[:, :size].view(heads, rows, group)


def _products(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """`[kv_heads, queries, n]` from `[kv_heads, queries, k]` and `[kv_heads, k, n]`."""
    if ROW_TILE * right.shape[1] * right.shape[2] >= _SMALL_PRODUCT:
        return torch.bmm(left, right)
    return torch.stack([a @ b for a, b in zip(left, right, strict=True)])


def _splits(part: NodePart, step: AttentionStep, rows: slice, window: int | None) -> Iterator[int]:
    """First tokens of the splits, counted from the part's first, without those that no row may read.

    Splits lie at fixed places of the part, so that a row's sums do not depend on which are left out here:
    what a row may not read adds exactly nothing.
    """
    positions = step.host_positions[rows]
    lowest = part.start if window is None else int(positions.min()) - window + 1
    highest = int(positions.max()) if part.causal else part.start + part.kv_hi
    for lo in range(0, part.kv_hi - part.kv_lo, _SPLIT):
        if part.start + lo + _SPLIT > lowest and part.start + lo <= highest:
            yield lo


def _hidden(
    part: NodePart, lo: int, tokens: int, step: AttentionStep, rows: slice, window: int | None
) -> torch.Tensor | None:
    """`[rows, tokens]`, True where a row must not read a token of a split; None when all may be read."""
    if window is None and not part.causal:
        return None
    position = step.positions[rows, None]
    token = torch.arange(part.start + lo, part.start + lo + tokens, device=position.device)
    hidden = token > position
    return hidden if window is None else hidden | (token <= position - window)


def _capped(scores: torch.Tensor, options: AttentionOptions) -> torch.Tensor:
    """Scales raw scores and applies the soft cap, in place."""
    if options.softcap is None:
        return scores.mul_(options.scale)
    return scores.mul_(options.scale / options.softcap).tanh_().mul_(options.softcap)


def _attend_suffix(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> Partial:
    """Computes every row's suffix part; `query`: `[rows, kv_heads, group, key_dim]`.

    In the comments P is the number of pages and T the tokens of a page.
    """
    suffix = step.suffix
    assert suffix is not None
    layout = suffix.layout
    rows, heads, group, _ = query.shape
    keys = [pool.pages.keys[layer][pages].float() for pages in layout.pages]  # [P, kv_heads, T, key_dim]
    values = [pool.pages.values[layer][pages].float() for pages in layout.pages]
    owner = layout.row.clamp(max=rows - 1)  # a page of nobody asks for the last row, and is not summed
    asked = query.index_select(0, owner)  # [P, kv_heads, group, key_dim]
    scores = _capped(_page_products(asked, [k.transpose(2, 3) for k in keys]), options)
    scores.masked_fill_(_suffix_hidden(step, options.sliding_window)[:, None, None, :], float("-inf"))
    top = _row_maximum(scores.amax(-1), owner, rows).clamp_min_(_LOWEST)
    weights = scores.sub_(top.index_select(0, owner).unsqueeze(-1)).exp_()
    part = _page_products(weights, values)
    out = _row_sum(part.view(len(owner), -1), layout).view(rows, heads, group, -1)
    total = _row_sum(weights.sum(-1).view(len(owner), -1), layout).view(rows, heads, group)
    out /= total.clamp_min(_TINY).unsqueeze(-1)
    return Partial(0, rows, out.transpose(0, 1), (top + total.log()).transpose(0, 1))


def _page_products(left: torch.Tensor, right: Sequence[torch.Tensor]) -> torch.Tensor:
    """`[P, kv_heads, group, n]` from `[P, kv_heads, group, k]` and pieces, together `[P, kv_heads, k, n]`."""
    pieces = torch.split(left, [len(piece) for piece in right])
    done = [
        torch.bmm(a.flatten(0, 1), b.flatten(0, 1)).view(len(a), -1, a.shape[2], b.shape[3])
        for a, b in zip(pieces, right, strict=True)
    ]
    return done[0] if len(done) == 1 else torch.cat(done)


def _suffix_hidden(step: AttentionStep, window: int | None) -> torch.Tensor:
    """`[P, T]`, True where a page's owner must not read a token of it; pages of nobody are hidden."""
    suffix = step.suffix
    assert suffix is not None
    if window is None:
        return suffix.hidden
    position = torch.cat([step.positions, step.positions.new_zeros(1)]).index_select(0, suffix.layout.row)
    return suffix.hidden | (suffix.positions <= position[:, None] - window)


def _row_maximum(page_maximum: torch.Tensor, owner: torch.Tensor, rows: int) -> torch.Tensor:
    """Maximum over the pages of each row: `[rows, kv_heads, group]` from `[P, kv_heads, group]`."""
    top = page_maximum.new_full((rows, *page_maximum.shape[1:]), float("-inf"))
    index = owner[:, None, None].expand_as(page_maximum)
    return top.scatter_reduce_(0, index, page_maximum, "amax")


def _row_sum(page_values: torch.Tensor, layout: SuffixLayout) -> torch.Tensor:
    """Sum over the pages of each row, in the order of its tokens: `[rows, n]` from `[P, n]`."""
    return functional.embedding_bag(layout.order, page_values, layout.bags, mode="sum")
