"""The Triton kernels that draw tokens: one program a row, nothing sorted, nothing sent to the host.

The same as `sampler.engine.sampling` and `token_filters`, whose words are used here. Theory of operation: a
program passes over its row's logits several times, a tile at a time; a row is small enough to stay in the
accelerator's cache. The first pass finds the largest logit. top_k and top_p each take a search for their
pivot, the smallest logit that is kept; logits are compared as *keys*, integers in the same order, so that a
search ends after finitely many halvings. The last pass sums what is left in each tile, and the tile in which
the uniform number falls is read once more, for the token.

Sums within a tile are kept in float32, sums over tiles and the place of the uniform in them in float64: in a
large vocabulary a token's share comes near to float32's resolution.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)
LEAST_KEY = tl.constexpr(-(2**31))
LARGEST_KEY = tl.constexpr(2**31 - 1)


@triton.jit
def _key(value):
    """An int32 for each float32, in the same order; -0.0 and 0.0 have the same."""
    bits = (value + 0.0).to(tl.int32, bitcast=True)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def _value(key):
    """The float32 of a key."""
    bits = key ^ ((key >> 31) & 0x7FFFFFFF)
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _load(base, start, vocabulary, TILE: tl.constexpr):
    """A tile of logits in float32, minus infinity beyond the vocabulary."""
    token = start + tl.arange(0, TILE)
    return tl.load(base + token, mask=token < vocabulary, other=float("-inf")).to(tl.float32)


@triton.jit
def _largest(base, vocabulary, TILE: tl.constexpr):
    """The largest logit, the first token that has it, and whether it is a finite number."""
    best = tl.full([TILE], float("-inf"), tl.float32)
    where = tl.zeros([TILE], tl.int32)
    no_number = tl.zeros([TILE], tl.int32)
    for start in range(0, vocabulary, TILE):
        logits = _load(base, start, vocabulary, TILE)
        higher = logits > best
        best = tl.where(higher, logits, best)
        where = tl.where(higher, start, where)
        no_number |= (logits != logits).to(tl.int32)
    top = tl.max(best, 0)
    token = tl.min(tl.where(best == top, where + tl.arange(0, TILE), LARGEST_KEY), 0)
    fault = (tl.max(no_number, 0) > 0) | (top == float("inf")) | (top == float("-inf"))
    return top, token, fault


@triton.jit
def _mass_from(base, vocabulary, top, scale, pivot, TILE: tl.constexpr):
    """The weight of all tokens whose key is `pivot` or more."""
    mass = tl.zeros([TILE], tl.float32)
    for start in range(0, vocabulary, TILE):
        logits = _load(base, start, vocabulary, TILE)
        mass += tl.where(_key(logits) >= pivot, tl.exp2((logits - top) * scale), 0.0)
    return tl.sum(mass, 0)


@triton.jit
def _evaluate(base, vocabulary, top, scale, trial, COUNTED: tl.constexpr, TILE: tl.constexpr):
    """What lies above the key `trial`: its weight or number; its least key; the greatest key not above."""
    amount = tl.zeros([TILE], tl.float32)
    least = tl.full([TILE], LARGEST_KEY, tl.int32)
    greatest = tl.full([TILE], LEAST_KEY, tl.int32)
    for start in range(0, vocabulary, TILE):
        logits = _load(base, start, vocabulary, TILE)
        key = _key(logits)
        above = key > trial
        if COUNTED:
            amount += above.to(tl.float32)
        else:
            amount += tl.where(above, tl.exp2((logits - top) * scale), 0.0)
        least = tl.minimum(least, tl.where(above, key, LARGEST_KEY))
        greatest = tl.maximum(greatest, tl.where(above, LEAST_KEY, key))
    return tl.sum(amount, 0), tl.min(least, 0), tl.max(greatest, 0)


@triton.jit
def _log_odds(amount, total, rest):
    amount = tl.minimum(tl.maximum(amount, rest), total - rest)
    return tl.log(amount / (total - amount))


@triton.jit
def _find_pivot(base, vocabulary, top, scale, depth, total, goal, COUNTED: tl.constexpr, TILE: tl.constexpr):
    """The least key above which less than `goal` lies, but none farther than `depth` below the top.

    The ends of the bracket are keys that occur (`lo` lies just below one), so the search ends when only one
    is left. See `pivot_search.Bracket` for the choice of the trial values.
    """
    hi = _key(top).to(tl.int64)
    lo = tl.minimum(_key(top - depth).to(tl.int64), hi - 1)
    amount_lo, _, _ = _evaluate(base, vocabulary, top, scale, lo.to(tl.int32), COUNTED, TILE)
    amount_hi = amount_lo * 0.0
    if amount_lo < goal:
        hi = lo
    rest = total / vocabulary * 0.5
    wanted = _log_odds(goal, total, rest)
    step = 1
    moves = 0
    while hi - lo > 1:
        below = _log_odds(amount_lo, total, rest) - wanted
        above = wanted - _log_odds(amount_hi, total, rest)
        below *= tl.exp2(-tl.maximum(moves - 1, 0).to(tl.float32))
        above *= tl.exp2(-tl.maximum(-moves - 1, 0).to(tl.float32))
        share = tl.where(below + above > 0, below / (below + above), 0.5)
        lo_value = _value(lo.to(tl.int32))
        trial = _key(lo_value + (_value(hi.to(tl.int32)) - lo_value) * share).to(tl.int64)
        trial = tl.where(step % 4 == 0, (lo + hi) >> 1, trial)
        trial = tl.minimum(tl.maximum(trial, lo + 1), hi - 1)
        amount, least, greatest = _evaluate(base, vocabulary, top, scale, trial.to(tl.int32), COUNTED, TILE)
        if amount >= goal:
            lo = least.to(tl.int64) - 1
            amount_lo = amount
            moves = tl.minimum(moves, 0) - 1
        else:
            hi = tl.maximum(greatest.to(tl.int64), lo + 1)
            amount_hi = amount
            moves = tl.maximum(moves, 0) + 1
        step += 1
    return hi.to(tl.int32)


@triton.jit
def _log_mass(base, vocabulary, top, TILE: tl.constexpr):
    """The logarithm of the sum of exp(logit - top) over the vocabulary."""
    mass = tl.zeros([TILE], tl.float32)
    for start in range(0, vocabulary, TILE):
        mass += tl.exp2((_load(base, start, vocabulary, TILE) - top) * LOG2_E)
    return tl.log2(tl.sum(mass, 0)) * LN_2


@triton.jit
def greedy_kernel(
    logits, tokens, logprobs, faults, row_stride, vocabulary, LOGPROBS: tl.constexpr, TILE: tl.constexpr
):
    """The first of the most likely tokens.

    Args:
        logits: `[rows, vocabulary]`, the rows `row_stride` apart.
        tokens: `[rows]`, int64, written.
        logprobs: `[rows]`, float32, written if LOGPROBS.
        faults: `[rows]`, bool, written: whether the largest logit is not a finite number.
        row_stride: of the logits.
        vocabulary: tokens of a row.
        LOGPROBS: whether log-probabilities are wanted.
        TILE: logits handled at a time; a power of two.
    """
    row = tl.program_id(0).to(tl.int64)
    base = logits + row * row_stride
    top, token, fault = _largest(base, vocabulary, TILE)
    tl.store(tokens + row, tl.where(fault, 0, token).to(tl.int64))
    tl.store(faults + row, fault)
    if LOGPROBS:
        tl.store(logprobs + row, -_log_mass(base, vocabulary, top, TILE))


@triton.jit
def draw_kernel(
    logits, uniforms, tokens, logprobs, faults, row_stride, vocabulary,
    scale, top_k, depth_k, top_p, depth_p, min_p,
    TOP_K: tl.constexpr, TOP_P: tl.constexpr, LOGPROBS: tl.constexpr,
    TILE: tl.constexpr, TILES: tl.constexpr,
):  # fmt: skip
    """Draws a token from what the filters leave.

    Args:
        logits: `[rows, vocabulary]`, the rows `row_stride` apart.
        uniforms: `[rows]`, float64, in [0, 1).
        tokens: `[rows]`, int64, written.
        logprobs: `[rows]`, float32, written if LOGPROBS.
        faults: `[rows]`, bool, written: whether the largest logit is not a finite number (token 0 then).
        row_stride: of the logits.
        vocabulary: tokens of a row.
        scale: log2(e) / temperature.
        top_k: tokens kept, if TOP_K; a float.
        depth_k: how far below the largest logit a token's weight is 0.
        top_p: mass kept, if TOP_P.
        depth_p: how far below the largest logit the pivot of top_p can lie.
        min_p: least weight kept; that of the largest logit is 1.
        TOP_K: whether top_k filters.
        TOP_P: whether top_p filters.
        LOGPROBS: whether log-probabilities are wanted.
        TILE: logits handled at a time; a power of two.
        TILES: tiles of a row or more; a power of two.
    """
    row = tl.program_id(0).to(tl.int64)
    base = logits + row * row_stride
    top, _, fault = _largest(base, vocabulary, TILE)
    tl.store(faults + row, fault)
    if fault:
        tl.store(tokens + row, 0)
        return

    pivot = tl.full([], LEAST_KEY, tl.int32)
    if TOP_K:
        count = tl.zeros([], tl.float32) + vocabulary
        pivot = _find_pivot(base, vocabulary, top, scale, depth_k, count, top_k, True, TILE)
    goal = top_p
    if TOP_P:
        total = _mass_from(base, vocabulary, top, scale, pivot, TILE)
        goal = total * top_p
        pivot = _find_pivot(base, vocabulary, top, scale, depth_p, total, goal, False, TILE)

    # Of each tile: the weight above the pivot, and the tokens at the pivot.
    tile = tl.arange(0, TILES)
    above = tl.zeros([TILES], tl.float64)
    ties = tl.zeros([TILES], tl.int32)
    for start in range(0, vocabulary, TILE):
        tile_logits = _load(base, start, vocabulary, TILE)
        key = _key(tile_logits)
        weight = tl.exp2((tile_logits - top) * scale)
        mass = tl.sum(tl.where((key > pivot) & (weight >= min_p), weight, 0.0), 0)
        above = tl.where(tile == start // TILE, mass.to(tl.float64), above)
        ties = tl.where(tile == start // TILE, tl.sum((key == pivot).to(tl.int32), 0), ties)

    # Of tokens at the pivot, top_p keeps as few as it needs, those of highest id.
    tie_weight = tl.exp2((_value(pivot) - top) * scale)
    tie_weight = tl.where((tie_weight >= min_p) & (pivot != LEAST_KEY), tie_weight, 0.0)
    surplus = tl.zeros([], tl.int32)
    if TOP_P:
        lacking = (goal - tl.sum(above, 0)) / tl.maximum(tie_weight, 1e-38)
        needed = tl.ceil(tl.minimum(tl.maximum(lacking, 1.0), 1e9)).to(tl.int32)
        surplus = tl.maximum(tl.sum(ties, 0) - needed, 0)
    kept_ties = tl.minimum(tl.maximum(tl.cumsum(ties, 0) - surplus, 0), ties)
    masses = above + kept_ties.to(tl.float64) * tie_weight
    target = tl.load(uniforms + row) * tl.sum(masses, 0)
    full = tl.max(tl.where(masses > 0, tile, 0), 0)  # rounding can bring the target to the whole mass
    chosen = tl.minimum(tl.sum((tl.cumsum(masses, 0) <= target).to(tl.int32), 0), full)
    before = tl.sum(tl.where(tile < chosen, masses, 0.0), 0)
    share = (target - before) / tl.sum(tl.where(tile == chosen, masses, 0.0), 0)
    ties_before = tl.sum(tl.where(tile < chosen, ties, 0), 0)

    lane = tl.arange(0, TILE)
    tile_logits = _load(base, chosen * TILE, vocabulary, TILE)
    key = _key(tile_logits)
    weight = tl.exp2((tile_logits - top) * scale)
    is_tie = key == pivot
    rank = ties_before + tl.cumsum(is_tie.to(tl.int32), 0)
    weight = tl.where((key > pivot) & (weight >= min_p), weight, 0.0)
    weight = tl.where(is_tie & (rank > surplus), tie_weight, weight)
    cumulative = tl.cumsum(weight, 0)
    aim = (share * tl.max(cumulative, 0)).to(tl.float32)
    last = tl.max(tl.where(weight > 0, lane, 0), 0)
    token = tl.min(tl.where((cumulative > aim) & (weight > 0), lane, last), 0)
    tl.store(tokens + row, (chosen * TILE + token).to(tl.int64))
    if LOGPROBS:
        drawn = tl.sum(tl.where(lane == token, tile_logits, 0.0), 0)
        tl.store(logprobs + row, drawn - top - _log_mass(base, vocabulary, top, TILE))
