"""Draws tokens from logits: temperature, then top_k, then top_p, one uniform number a token.

The filters mean what transformers' `TemperatureLogitsWarper`, `TopKLogitsWarper` and `TopPLogitsWarper`
mean, in that order; the tests hold the two together. A token is drawn by inverting the cumulative
distribution of what they leave.

The nucleus of top_p is found without sorting the vocabulary: the few most likely tokens of a row nearly
always hold the mass, and rows where they do not are looked at again with more tokens. What a row draws
depends on nothing but its own logits and its uniform number, down to the last bit: each operation here
works row by row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import SamplingParams
from sampler.engine.errors import ModelOutputError

_FIRST_WIDTH = 64  # most likely tokens looked at first for the nucleus
_WIDEN = 16  # and by how many times more where they do not suffice


def draw_tokens(
    logits: torch.Tensor, uniforms: npt.NDArray[np.float64], params: SamplingParams
) -> torch.Tensor:
    """Draws one token a row.

    Args:
        logits: `[rows, vocabulary]`.
        uniforms: `[rows]`, in [0, 1); not used at temperature 0.
        params: temperature, top_k and top_p.

    Returns:
        `[rows]`, int64, on the device of the logits.

    Raises:
        ModelOutputError: a row's largest logit is not a finite number.
    """
    scores = logits.float()
    top = scores.amax(-1, keepdim=True)
    if not bool(top.isfinite().all()):
        row = int(top.isfinite().logical_not().flatten().nonzero()[0])
        raise ModelOutputError(
            f"the model's largest logit in row {row} of {len(top)} is {top[row].item()}; its weights or its "
            "dtype cannot be right (float16 overflows where bfloat16 and float32 do not)"
        )
    if params.temperature == 0:
        return scores.argmax(-1)
    scores = (scores - top) / params.temperature
    if 0 < params.top_k < scores.shape[-1]:
        weakest = scores.topk(params.top_k).values[:, -1:]
        scores = scores.masked_fill(scores < weakest, float("-inf"))
    number = torch.from_numpy(uniforms).to(scores.device)
    if params.top_p < 1:
        return _draw_from_nucleus(scores, number, params.top_p)
    cumulative = scores.softmax(-1, dtype=torch.float64).cumsum(-1)
    return _invert(cumulative, cumulative[:, -1], number)


def _draw_from_nucleus(scores: torch.Tensor, number: torch.Tensor, top_p: float) -> torch.Tensor:
    """Draws among the most likely tokens: those with less than `top_p` of the mass before them."""
    vocabulary = scores.shape[-1]
    total = scores.logsumexp(-1, keepdim=True)
    tokens = torch.empty(len(scores), dtype=torch.int64, device=scores.device)
    rows = torch.arange(len(scores), device=scores.device)
    width = min(_FIRST_WIDTH, vocabulary)
    while rows.numel():
        best, ids = scores[rows].topk(width)
        probability = (best - total[rows]).double().exp()
        cumulative = probability.cumsum(-1)
        suffices = (cumulative[:, -1] >= top_p) | (width == vocabulary)
        kept = ((cumulative - probability) < top_p).sum(-1, keepdim=True)
        mass = cumulative.gather(-1, kept - 1).squeeze(-1)
        drawn = ids.gather(-1, _invert(cumulative, mass, number[rows])[:, None]).squeeze(-1)
        tokens[rows[suffices]] = drawn[suffices]
        rows = rows[~suffices]
        width = min(width * _WIDEN, vocabulary)
    return tokens


def _invert(cumulative: torch.Tensor, mass: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
    """The first index of each row whose cumulative probability exceeds `number * mass`: `[rows]`."""
    # The product can round up to the mass itself, which nothing exceeds.
    target = torch.minimum(number * mass, torch.nextafter(mass, torch.zeros_like(mass)))
    return torch.searchsorted(cumulative, target[:, None], right=True).squeeze(-1)
