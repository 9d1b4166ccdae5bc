"""Draws tokens from logits: temperature, top_k, top_p, min_p in Hugging Face's order, one uniform a token.

A token is drawn by inverting the cumulative distribution, in the order of token ids, of what the filters
leave. It is looked up in two levels: sums of blocks of the vocabulary first, then inside one block; sums
over more than a block are kept in float64.

What a row draws depends on nothing but its own logits and its uniform number, down to the last bit: each
operation here works row by row, and none splits the sum of a row over threads. Rows are handled a few at a
time, which keeps what lies between the operations in the processor's cache.

On a CUDA device the kernels of `sampler.engine.token_kernels` do the same; without Triton, which they need,
the logits are copied to the host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import SamplingParams
from sampler.engine.errors import ModelOutputError
from sampler.engine.pivot_search import BLOCK, RANKED, RankedTokens, mass
from sampler.engine.token_filters import filter_all, filter_ranked
from tree_attention.attention import triton_installed
from tree_attention.host_copies import to_device

SMALLEST_TEMPERATURE = 1e-30  # below it float32 cannot hold 1 / temperature; only ties of the best are drawn
_CACHED_TOKENS = 2**19  # logits handled at a time


@dataclass(frozen=True, eq=False)
class DrawnTokens:
    """One token a row."""

    tokens: torch.Tensor  # [rows], int64
    logprobs: torch.Tensor | None = None  # [rows], float32, natural; None unless they were asked for


def draw_tokens(
    logits: torch.Tensor, uniforms: npt.NDArray[np.float64], params: SamplingParams
) -> DrawnTokens:
    """Draws one token a row.

    Args:
        logits: `[rows, vocabulary]`.
        uniforms: `[rows]`, in [0, 1); not used at temperature 0.
        params: temperature, top_k, top_p, min_p and logprobs.

    Returns:
        The tokens and, if `params.logprobs`, the log-probability of each under the softmax of the logits as
        they are: temperature 1, no filter. On the device of the logits.

    Raises:
        ModelOutputError: a row's largest logit is not a finite number.
    """
    if not logits.is_cuda:
        return _draw_on_host(logits, torch.from_numpy(uniforms), params)
    if triton_installed():
        return _draw_on_device(logits, to_device(uniforms, logits.device), params)
    drawn = _draw_on_host(logits.cpu(), torch.from_numpy(uniforms), params)
    logprobs = None if drawn.logprobs is None else drawn.logprobs.to(logits.device)
    return DrawnTokens(drawn.tokens.to(logits.device), logprobs)


def _draw_on_host(logits: torch.Tensor, numbers: torch.Tensor, params: SamplingParams) -> DrawnTokens:
    rows, vocabulary = logits.shape
    if params.top_k >= vocabulary:
        params = replace(params, top_k=0)
    step = max(_CACHED_TOKENS // vocabulary, torch.get_num_threads())
    tokens = torch.empty(rows, dtype=torch.int64)
    logprobs = torch.empty(rows) if params.logprobs else None
    # Used for all rows: fresh memory costs more than what is computed in it.
    work = torch.empty(2, min(step, rows), -(-vocabulary // BLOCK), BLOCK)
    for lo in range(0, rows, step):
        scores = _in_blocks(logits[lo : lo + step])
        maxima = scores.amax(-1)
        _check_finite(maxima.amax(-1), lo, rows)
        drawn = _draw(scores, maxima, numbers[lo : lo + step], params, work[:, : len(scores)])
        tokens[lo : lo + step] = drawn
        if logprobs is not None:
            every = torch.log_softmax(scores.flatten(1), -1, out=work[0, : len(scores)].flatten(1))
            logprobs[lo : lo + step] = every.gather(1, drawn[:, None]).squeeze(1)
    return DrawnTokens(tokens, logprobs)


def _draw_on_device(logits: torch.Tensor, numbers: torch.Tensor, params: SamplingParams) -> DrawnTokens:
    from sampler.engine.device_sampling import draw_tokens_on_device, raise_on_fault

    drawn = draw_tokens_on_device(logits, numbers, params)
    raise_on_fault(drawn.faults.cpu().numpy())
    return DrawnTokens(drawn.tokens, drawn.logprobs)


def _in_blocks(logits: torch.Tensor) -> torch.Tensor:
    """`[rows, blocks, BLOCK]`, float32; what the last block lacks is minus infinity."""
    rows, vocabulary = logits.shape
    blocks = -(-vocabulary // BLOCK)
    if vocabulary == blocks * BLOCK and logits.dtype == torch.float32 and logits.is_contiguous():
        return logits.view(rows, blocks, BLOCK)
    scores = torch.empty(rows, blocks * BLOCK)
    scores[:, :vocabulary] = logits
    scores[:, vocabulary:] = float("-inf")
    return scores.view(rows, blocks, BLOCK)


def _check_finite(largest: torch.Tensor, first: int, rows: int) -> None:
    finite = largest.isfinite()
    if not bool(finite.all()):
        row = int(finite.logical_not().nonzero()[0])
        raise largest_logit_error(str(float(largest[row])), first + row, rows)


def largest_logit_error(found: str, row: int, rows: int) -> ModelOutputError:
    """The error for a row whose largest logit is not a finite number."""
    return ModelOutputError(
        f"the model's largest logit in row {row} of {rows} is {found}; its weights or its dtype cannot be "
        "right (float16 overflows where bfloat16 and float32 do not)"
    )


def _draw(
    scores: torch.Tensor,
    maxima: torch.Tensor,
    numbers: torch.Tensor,
    params: SamplingParams,
    work: torch.Tensor,
) -> torch.Tensor:
    if params.temperature == 0:
        block = maxima.argmax(-1)
        return block * BLOCK + _rows_of(scores, block).argmax(-1)
    heated, weights = work
    torch.sub(scores, maxima.amax(-1)[:, None, None], out=heated)
    heated.div_(max(params.temperature, SMALLEST_TEMPERATURE))
    torch.softmax(heated.flatten(1), -1, out=weights.flatten(1))
    if not params.top_k and params.top_p == 1 and not params.min_p:
        return _invert(weights, numbers)
    settled, tokens = _draw_of_few(scores, maxima, weights, numbers, params)
    rest = (~settled).nonzero().flatten()
    if rest.numel():
        left = filter_all(_take(scores, rest), _take(weights, rest), params)
        tokens[rest] = _invert(left, numbers[rest])
    return tokens


def _draw_of_few(
    scores: torch.Tensor,
    maxima: torch.Tensor,
    weights: torch.Tensor,
    numbers: torch.Tensor,
    params: SamplingParams,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws where only few tokens are left: `[rows]`, bool, which rows are settled so; `[rows]`, tokens."""
    settled = torch.zeros(len(scores), dtype=torch.bool)
    tokens = torch.empty(len(scores), dtype=torch.int64)
    width = RANKED // 2 if params.top_k < RANKED // 2 else RANKED
    total = mass(weights)
    few = torch.full_like(settled, params.top_k < width)
    if not params.top_k and params.top_p < 1:
        few = width * weights.amax(-1).amax(-1) >= params.top_p * total
    rows = few.nonzero().flatten()
    if rows.numel():
        ranked = RankedTokens.of(_take(scores, rows), _take(maxima, rows), _take(weights, rows), width)
        left, settled[rows] = filter_ranked(ranked, total[rows], params)
        tokens[rows] = _draw_ranked(ranked.ids, left, numbers[rows])
    return settled, tokens


def _draw_ranked(ids: torch.Tensor, weights: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    ids, order = ids.sort(-1)
    place = _invert(weights.gather(1, order)[:, None], numbers)
    return ids.gather(1, place[:, None]).squeeze(1)


def _invert(weights: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """The first token of each row up to which more than `number` of the row's weight lies.

    Args:
        weights: `[rows, blocks, block]`, not negative.
        numbers: `[rows]`, float64, in [0, 1).

    Returns:
        `[rows]`, int64; each of positive weight.
    """
    sums = weights.sum(-1).double()
    cumulative = sums.cumsum(-1)
    target = numbers * cumulative[:, -1]
    block = _first_above(cumulative, target)
    before = _rows_of(cumulative - sums, block)
    share = (target - before) / _rows_of(sums, block)
    inside = _rows_of(weights, block).double().cumsum(-1)
    return block * weights.shape[-1] + _first_above(inside, share * inside[:, -1])


def _first_above(cumulative: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The first place of each row whose cumulative weight exceeds the target: `[rows]`."""
    # Rounding can bring a target up to the whole weight, which nothing exceeds, or below nothing.
    whole = cumulative[:, -1]
    target = target.minimum(torch.nextafter(whole, torch.zeros_like(whole))).clamp_(min=0)
    return torch.searchsorted(cumulative, target[:, None], right=True).squeeze(1)


def _take(values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """`values[rows]`, without a copy where these are all rows."""
    return values if len(rows) == len(values) else values[rows]


def _rows_of(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """One place of each row: `[rows, n, ..]` and `[rows]` to `[rows, ..]`."""
    return values[torch.arange(len(places)), places]
