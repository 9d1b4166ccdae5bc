"""What transformers' own warpers leave of logits, in their order: the readable twin of our filters."""

from __future__ import annotations

import functools
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from sampler.core import SamplingParams


def warped(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """The distribution that tokens are drawn from: `[rows, vocabulary]`, float64.

    The temperature must not be 0.
    """
    scores = TemperatureLogitsWarper(float(params.temperature))(None, logits.double())
    if params.top_k:
        scores = TopKLogitsWarper(params.top_k)(None, scores)
    if params.top_p < 1:
        # The order of equals is left open by an unstable sort.
        with mock.patch.object(torch, "sort", functools.partial(torch.sort, stable=True)):
            scores = TopPLogitsWarper(params.top_p)(None, scores)
    if params.min_p:
        scores = MinPLogitsWarper(params.min_p)(None, scores)
    return scores.softmax(-1)


def assert_drawn(
    tokens: torch.Tensor,
    logits: torch.Tensor,
    uniforms: npt.NDArray[np.float64],
    params: SamplingParams,
    tolerance: float,
) -> None:
    """Each uniform lies in its token's interval of the cumulative distribution over token ids.

    A uniform outside by at most `tolerance` passes: there, rounding decides between neighbours.
    """
    probabilities = warped(logits, params)
    ends = probabilities.cumsum(-1).gather(1, tokens[:, None]).squeeze(1)
    own = probabilities.gather(1, tokens[:, None]).squeeze(1)
    numbers = torch.from_numpy(uniforms)
    assert (own > 0).all(), "a token was drawn that the warpers drop"
    outside = torch.maximum(ends - own - numbers, numbers - ends)
    assert outside.max() <= tolerance, (outside.max().item(), int(outside.argmax()))
