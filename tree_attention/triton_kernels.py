"""The Triton kernels of tree attention: one over a list of work, one that merges, one that stores.

Theory of operation. `attend_nodes_kernel` runs one program for each item of a plan (see `plan_layout`) and
kv head, `attend_suffixes_kernel` one for each split of a row's suffix and kv head. Both are the streaming
softmax of FlashAttention (Dao, arXiv 2307.08691), in powers of two: over tiles of tokens they keep, for each
lane, the highest score so far, the sum of 2^(score - shift) and the sum of values under those weights, all
in float32. They leave these as a *partial result*: `acc`, and beside it `(total, shift)`. `merge_kernel`
brings a row's partial results under one shift and adds them up in the order of the row's path.

A row's bits do not depend on the other rows of a batch. Lanes do not mix, tiles of tokens lie at fixed places
of a split, and a tile that is hidden from a lane changes nothing of it, whether it is skipped or read and
masked: its weights are exactly 0 and the others are multiplied by exactly 1. For this the compiler must not
fuse multiplications and additions in one of the loops and not in another; fusion is off, and the one that
matters for speed is written out.

Scores stay *raw*, as the product of query and key, or its tanh where there is a soft cap, until the exponent,
where one fused multiplication by `unit` scales them: unit = log2(e) * scale, or log2(e) * softcap. It is
positive, so that the highest raw score has the highest weight.

Shapes: query `[rows, HEADS, KEY_DIM]`; partial_out `[slots, HEADS, VALUE_DIM]`; partial_sum
`[slots, HEADS, 2]`, total and shift; arenas `[pages, kv heads, PAGE_TOKENS, dim]`; a node's keys
`[kv heads, length, KEY_DIM]`, at an address that is data, so that a captured graph serves other nodes.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)
FAR = tl.constexpr(1 << 30)  # above every position


@triton.jit
def _tanh(x):
    """The hyperbolic tangent; Triton has none that its interpreter knows."""
    square = x * x
    # Near 0 the quotient loses its digits; there, five terms of the series are exact to rounding.
    series = square * (62.0 / 2835.0 - square * (1382.0 / 155925.0))
    series = square * (-1.0 / 3.0 + square * (2.0 / 15.0 + square * (-17.0 / 315.0) + square * series))
    falling = tl.exp2(tl.abs(x) * (-2.0 * LOG2_E))
    quotient = (1.0 - falling) / (1.0 + falling)
    return tl.where(square < 0.0625, x + x * series, tl.where(x < 0, -quotient, quotient))


@triton.jit
def _load_tile(base, row, inside, WIDTH: tl.constexpr, BLOCK: tl.constexpr, MASKED: tl.constexpr):
    """Rows of `WIDTH` numbers, as wide as `BLOCK`; zeros beyond, and in rows that are not `inside`."""
    column = tl.arange(0, BLOCK)
    where = base + row[:, None] * WIDTH + column[None, :]
    if WIDTH == BLOCK:
        if MASKED:
            return tl.load(where, mask=inside[:, None], other=0.0)
        return tl.load(where)
    if MASKED:
        return tl.load(where, mask=inside[:, None] & (column[None, :] < WIDTH), other=0.0)
    return tl.load(where, mask=column[None, :] < WIDTH, other=0.0)


@triton.jit
def _absorb(
    acc, total, top, query, keys, values, visible, tempered, unit, MASKED: tl.constexpr, CAPPED: tl.constexpr
):
    """Adds one tile of tokens to the running softmax; returns the new `acc`, `total` and `top`.

    Args:
        acc: `[lanes, values]`, weighted sum of values so far.
        total: `[lanes]`, sum of the weights.
        top: `[lanes]`, highest raw score so far; -inf before the first visible one.
        query: `[lanes, keys]`.
        keys: `[tokens, keys]`.
        values: `[tokens, values]`.
        visible: `[lanes or 1, tokens]`; read if MASKED.
        tempered: scale / softcap; read if CAPPED.
        unit: what makes raw scores powers of two.
        MASKED: whether some lane must not see some token.
        CAPPED: whether there is a soft cap.
    """
    scores = tl.dot(query, tl.trans(keys), input_precision="ieee")
    if CAPPED:
        scores = _tanh(scores * tempered)
    if MASKED:
        scores = tl.where(visible, scores, float("-inf"))
    higher = tl.maximum(top, tl.max(scores, 1))
    shift = _shift(higher, unit)
    units = tl.full(scores.shape, unit, tl.float32)
    weights = tl.exp2(tl.fma(scores, units, tl.broadcast_to(-shift[:, None], scores.shape)))
    rescale = tl.exp2(top * unit - shift)
    total = total * rescale + tl.sum(weights, 1)
    acc = tl.dot(weights.to(values.dtype), values, acc * rescale[:, None], input_precision="ieee")
    return acc, total, higher


@triton.jit
def _shift(top, unit):
    """The exponent that the highest score has, and 0 where no token was visible: finite."""
    return tl.where(top == float("-inf"), 0.0, top * unit)


@triton.jit
def _leave_partial(
    partial_out, partial_sum, slot, heads, live, acc, total, top, unit,
    HEADS: tl.constexpr, VALUE_DIM: tl.constexpr, VALUE_BLOCK: tl.constexpr,
):  # fmt: skip
    """Stores what a program found; `slot`, `heads`: `[lanes]`. A lane that saw nothing has the shift -inf."""
    empty = top == float("-inf")
    entry = slot.to(tl.int64) * HEADS + heads
    tl.store(partial_sum + entry * 2, total, mask=live)
    tl.store(partial_sum + entry * 2 + 1, tl.where(empty, top, top * unit), mask=live)
    column = tl.arange(0, VALUE_BLOCK)
    wanted = (live & (top > float("-inf")))[:, None] & (column[None, :] < VALUE_DIM)
    tl.store(partial_out + entry[:, None] * VALUE_DIM + column[None, :], acc, mask=wanted)


@triton.jit
def _load_query(
    query, row, head, live, row_stride, head_stride, KEY_DIM: tl.constexpr, KEY_BLOCK: tl.constexpr
):
    """`[lanes, KEY_BLOCK]`; zeros in lanes that are not `live`."""
    column = tl.arange(0, KEY_BLOCK)
    start = row.to(tl.int64) * row_stride + head * head_stride
    mask = live[:, None] & (column[None, :] < KEY_DIM)
    return tl.load(query + start[:, None] + column[None, :], mask=mask, other=0.0)


@triton.jit
def _walk_node(
    acc, total, top, query, keys, values, lo, hi, end, start, position, tempered, unit, window,
    KEY_DIM: tl.constexpr, VALUE_DIM: tl.constexpr, KEY_BLOCK: tl.constexpr, VALUE_BLOCK: tl.constexpr,
    TOKENS: tl.constexpr, STAGES: tl.constexpr, MASKED: tl.constexpr,
    CAUSAL: tl.constexpr, WINDOWED: tl.constexpr, CAPPED: tl.constexpr,
):  # fmt: skip
    """Absorbs a node's tokens `[lo, hi)`, in whole tiles; if MASKED, without those a lane must not see."""
    for first in tl.range(lo, hi, TOKENS, num_stages=STAGES):
        token = first + tl.arange(0, TOKENS)
        inside = token < end
        visible = inside[None, :]
        if MASKED:
            if CAUSAL:
                visible = visible & (start + token[None, :] <= position[:, None])
            if WINDOWED:
                visible = visible & (start + token[None, :] > position[:, None] - window)
        tile_keys = _load_tile(keys, token, inside, KEY_DIM, KEY_BLOCK, MASKED)
        tile_values = _load_tile(values, token, inside, VALUE_DIM, VALUE_BLOCK, MASKED)
        acc, total, top = _absorb(
            acc, total, top, query, tile_keys, tile_values, visible, tempered, unit, MASKED, CAPPED
        )
    return acc, total, top


@triton.jit(do_not_specialize=["window"])
def attend_nodes_kernel(
    query, query_row_stride, query_head_stride, items, rows, positions, addresses,
    partial_out, partial_sum, tempered, unit, window,
    HEADS: tl.constexpr, GROUP: tl.constexpr, KEY_DIM: tl.constexpr, VALUE_DIM: tl.constexpr,
    KEY_BLOCK: tl.constexpr, VALUE_BLOCK: tl.constexpr, LANES: tl.constexpr, TOKENS: tl.constexpr,
    STAGES: tl.constexpr, CAUSAL: tl.constexpr, WINDOWED: tl.constexpr, CAPPED: tl.constexpr,
):  # fmt: skip
    """One tile of rows over one split of a node; grid: (items, kv heads)."""
    item = items + tl.program_id(0) * 8
    kv_head = tl.program_id(1)
    node = tl.load(item)
    if node >= 0:
        kv_lo = tl.load(item + 1)
        kv_hi = tl.load(item + 2)
        row_lo = tl.load(item + 3)
        row_hi = tl.load(item + 4)
        ordinal = tl.load(item + 5)
        start = tl.load(item + 6)
        length = tl.load(item + 7)
        lane = tl.arange(0, LANES)
        row = row_lo + lane // GROUP
        head = kv_head * GROUP + lane % GROUP
        live = row < row_hi
        position = tl.load(positions + row, mask=live, other=0).to(tl.int32)
        first_position = tl.min(tl.where(live, position, FAR))
        last_position = tl.max(position)
        lanes_query = _load_query(
            query, row, head, live, query_row_stride, query_head_stride, KEY_DIM, KEY_BLOCK
        )
        pointer = tl.pointer_type(query.dtype.element_ty)
        head_start = kv_head.to(tl.int64) * length
        keys = tl.load(addresses + 2 * node).to(pointer)
        values = tl.load(addresses + 2 * node + 1).to(pointer)
        keys = tl.multiple_of(keys, 16) + head_start * KEY_DIM
        values = tl.multiple_of(values, 16) + head_start * VALUE_DIM

        # Some lane sees tokens [lo, hi), all see [full_lo, full_hi). Tiles lie at fixed places from kv_lo.
        lo = kv_lo
        full_lo = kv_lo
        if WINDOWED:
            lo += tl.maximum(0, first_position - window + 1 - start - kv_lo) // TOKENS * TOKENS
            full_lo += tl.cdiv(tl.maximum(0, last_position - window + 1 - start - kv_lo), TOKENS) * TOKENS
        hi = kv_hi
        full_hi = kv_hi
        if CAUSAL:
            hi = tl.minimum(hi, last_position + 1 - start)
            full_hi = tl.minimum(full_hi, first_position + 1 - start)
        full_hi = kv_lo + tl.maximum(0, full_hi - kv_lo) // TOKENS * TOKENS
        full_lo = tl.minimum(full_lo, hi)
        full_hi = tl.maximum(full_hi, full_lo)

        acc = tl.zeros([LANES, VALUE_BLOCK], tl.float32)
        total = tl.zeros([LANES], tl.float32)
        top = tl.full([LANES], float("-inf"), tl.float32)
        if WINDOWED:
            acc, total, top = _walk_node(
                acc, total, top, lanes_query, keys, values, lo, full_lo, kv_hi, start, position, tempered,
                unit, window, KEY_DIM, VALUE_DIM, KEY_BLOCK, VALUE_BLOCK, TOKENS, STAGES, True, CAUSAL,
                WINDOWED, CAPPED,
            )  # fmt: skip
        acc, total, top = _walk_node(
            acc, total, top, lanes_query, keys, values, full_lo, full_hi, kv_hi, start, position, tempered,
            unit, window, KEY_DIM, VALUE_DIM, KEY_BLOCK, VALUE_BLOCK, TOKENS, STAGES, False, CAUSAL, WINDOWED,
            CAPPED,
        )  # fmt: skip
        acc, total, top = _walk_node(
            acc, total, top, lanes_query, keys, values, full_hi, hi, kv_hi, start, position, tempered, unit,
            window, KEY_DIM, VALUE_DIM, KEY_BLOCK, VALUE_BLOCK, TOKENS, STAGES, True, CAUSAL, WINDOWED,
            CAPPED,
        )  # fmt: skip
        slot = tl.load(rows + row * 4, mask=live, other=0) + ordinal
        _leave_partial(
            partial_out, partial_sum, slot, head, live, acc, total, top, unit, HEADS, VALUE_DIM, VALUE_BLOCK
        )


@triton.jit(do_not_specialize=["window", "row_pages", "suffix_splits"])
def attend_suffixes_kernel(
    query, query_row_stride, query_head_stride, rows, positions, arena_keys, arena_values, pages, row_pages,
    partial_out, partial_sum, tempered, unit, window, suffix_splits,
    HEADS: tl.constexpr, GROUP: tl.constexpr, KEY_DIM: tl.constexpr, VALUE_DIM: tl.constexpr,
    KEY_BLOCK: tl.constexpr, VALUE_BLOCK: tl.constexpr, LANES: tl.constexpr, TOKENS: tl.constexpr,
    STAGES: tl.constexpr, PAGE_TOKENS: tl.constexpr, SPLIT: tl.constexpr,
    WINDOWED: tl.constexpr, CAPPED: tl.constexpr,
):  # fmt: skip
    """One row over one split of its suffix, if it has so many; grid: (rows * suffix_splits, kv heads)."""
    row = tl.program_id(0) // suffix_splits
    split = tl.program_id(0) % suffix_splits
    kv_head = tl.program_id(1)
    start = tl.load(rows + row * 4 + 2)
    position = tl.load(positions + row).to(tl.int32)
    lo = split * SPLIT
    hi = tl.minimum(position - start + 1, lo + SPLIT)
    if lo < hi:
        lane = tl.arange(0, LANES)
        head = kv_head * GROUP + lane
        live = lane < GROUP
        lanes_query = _load_query(
            query, row + lane * 0, head, live, query_row_stride, query_head_stride, KEY_DIM, KEY_BLOCK
        )
        earliest = lo
        if WINDOWED:
            earliest += tl.maximum(0, position - window + 1 - start - lo) // TOKENS * TOKENS
        acc = tl.zeros([LANES, VALUE_BLOCK], tl.float32)
        total = tl.zeros([LANES], tl.float32)
        top = tl.full([LANES], float("-inf"), tl.float32)
        for first in tl.range(earliest, hi, TOKENS, num_stages=STAGES):
            token = first + tl.arange(0, TOKENS)
            inside = token < hi
            page = tl.load(pages + row * row_pages + token // PAGE_TOKENS, mask=inside, other=0)
            # A page's keys are [kv heads, PAGE_TOKENS, dim]: the number of the row of `dim` numbers.
            at = (page.to(tl.int64) * (HEADS // GROUP) + kv_head) * PAGE_TOKENS + token % PAGE_TOKENS
            keys = _load_tile(arena_keys, at, inside, KEY_DIM, KEY_BLOCK, True)
            values = _load_tile(arena_values, at, inside, VALUE_DIM, VALUE_BLOCK, True)
            visible = inside[None, :]
            if WINDOWED:
                visible = visible & (start + token[None, :] > position - window)
            acc, total, top = _absorb(
                acc, total, top, lanes_query, keys, values, visible, tempered, unit, True, CAPPED
            )
        slot = tl.load(rows + row * 4) + tl.load(rows + row * 4 + 1) + split + lane * 0
        _leave_partial(
            partial_out, partial_sum, slot, head, live, acc, total, top, unit, HEADS, VALUE_DIM, VALUE_BLOCK
        )


@triton.jit
def merge_kernel(
    partial_out, partial_sum, rows, positions, sinks, out, lse,
    HEADS: tl.constexpr, VALUE_DIM: tl.constexpr, HEADS_BLOCK: tl.constexpr, VALUE_BLOCK: tl.constexpr,
    SUFFIX_SPLIT: tl.constexpr, SUFFIXES: tl.constexpr, SINKS: tl.constexpr,
):  # fmt: skip
    """Merges a row's partial results; grid: (rows, blocks of heads). A row without any gives 0 and -inf."""
    row = tl.program_id(0)
    head = tl.program_id(1) * HEADS_BLOCK + tl.arange(0, HEADS_BLOCK)
    live = head < HEADS
    column = tl.arange(0, VALUE_BLOCK)
    slot = tl.load(rows + row * 4).to(tl.int64)
    count = tl.load(rows + row * 4 + 1)
    if SUFFIXES:
        tokens = tl.load(positions + row).to(tl.int32) - tl.load(rows + row * 4 + 2) + 1
        count += tl.cdiv(tl.maximum(tokens, 0), SUFFIX_SPLIT)
    top = tl.full([HEADS_BLOCK], float("-inf"), tl.float32)
    if SINKS:
        sink = tl.load(sinks + head, mask=live, other=0.0).to(tl.float32) * LOG2_E
        top = tl.maximum(top, sink)
    for index in range(count):
        entry = (slot + index) * HEADS + head
        top = tl.maximum(top, tl.load(partial_sum + entry * 2 + 1, mask=live, other=0.0))
    top = tl.where(top == float("-inf"), 0.0, top)
    acc = tl.zeros([HEADS_BLOCK, VALUE_BLOCK], tl.float32)
    total = tl.zeros([HEADS_BLOCK], tl.float32)
    for index in range(count):
        entry = (slot + index) * HEADS + head
        shift = tl.load(partial_sum + entry * 2 + 1, mask=live, other=float("-inf"))
        weight = tl.exp2(shift - top)
        total += weight * tl.load(partial_sum + entry * 2, mask=live, other=0.0)
        # What is not there was not written: it may be anything.
        there = (shift > float("-inf"))[:, None] & (column[None, :] < VALUE_DIM)
        part = tl.load(partial_out + entry[:, None] * VALUE_DIM + column[None, :], mask=there, other=0.0)
        acc += weight[:, None] * part
    below = total
    if SINKS:
        below += tl.exp2(sink - top)
    acc = acc / tl.where(below > 0, below, 1.0)[:, None]
    entry = row.to(tl.int64) * HEADS + head
    tl.store(
        out + entry[:, None] * VALUE_DIM + column[None, :],
        acc.to(out.dtype.element_ty),
        mask=live[:, None] & (column[None, :] < VALUE_DIM),
    )
    logarithm = tl.log2(tl.where(total > 0, total, 1.0))
    tl.store(lse + entry, tl.where(total > 0, (top + logarithm) * LN_2, float("-inf")), mask=live)


@triton.jit(do_not_specialize=["row_pages"])
def write_kernel(
    keys, values, key_row_stride, key_head_stride, value_row_stride, value_head_stride, rows, positions,
    arena_keys, arena_values, pages, row_pages,
    KEY_DIM: tl.constexpr, VALUE_DIM: tl.constexpr, KEY_BLOCK: tl.constexpr, VALUE_BLOCK: tl.constexpr,
    PAGE_TOKENS: tl.constexpr,
):  # fmt: skip
    """Stores each row's new token at the end of its suffix, if it has one; grid: (rows, kv heads)."""
    row = tl.program_id(0)
    kv_head = tl.program_id(1)
    token = tl.load(positions + row).to(tl.int32) - tl.load(rows + row * 4 + 2)
    if token >= 0:
        page = tl.load(pages + row * row_pages + token // PAGE_TOKENS).to(tl.int64)
        at = (page * tl.num_programs(1) + kv_head) * PAGE_TOKENS + token % PAGE_TOKENS
        start = row.to(tl.int64)
        column = tl.arange(0, KEY_BLOCK)
        source = keys + start * key_row_stride + kv_head * key_head_stride + column
        tl.store(
            arena_keys + at * KEY_DIM + column, tl.load(source, mask=column < KEY_DIM), mask=column < KEY_DIM
        )
        column = tl.arange(0, VALUE_BLOCK)
        source = values + start * value_row_stride + kv_head * value_head_stride + column
        tl.store(
            arena_values + at * VALUE_DIM + column,
            tl.load(source, mask=column < VALUE_DIM),
            mask=column < VALUE_DIM,
        )
