"""top_k, top_p and min_p without sorting the vocabulary.

The filters mean what transformers' `TopKLogitsWarper`, `TopPLogitsWarper` and `MinPLogitsWarper` mean, in
that order. Tokens are ranked by their logits and, where these are equal, by their ids, the higher the
better: so does the stable ascending sort in transformers. top_k keeps all that equal the k-th; top_p keeps
of equals as few as it needs.

Theory of operation. What is kept nearly always lies among the few best tokens of a row, and `filter_ranked`
works on these alone; it says of which rows that was true. In the others, flat ones, `filter_all` reduces
top_k and top_p to a pivot, the smallest logit that is kept, and masks what is below it.
"""

from __future__ import annotations

import math

import torch

from sampler.core import SamplingParams
from sampler.engine.pivot_search import RankedTokens, find_pivot, mass

_WEIGHTLESS = 110.0  # exp(-110) is 0 in float32


def filter_ranked(
    tokens: RankedTokens, total: torch.Tensor, params: SamplingParams
) -> tuple[torch.Tensor, torch.Tensor]:
    """Filters rows as far as their best tokens tell.

    Args:
        tokens: the best tokens of each row.
        total: `[rows]`, float64, the weight of all tokens of each row.
        params: top_k (at most the number of ranked tokens), top_p and min_p.

    Returns:
        The weights of the ranked tokens, 0 where they are filtered out, and `[rows]`, bool: whether the row
        is settled, that is, nothing else is left of it and nothing else had a say.
    """
    weights = tokens.weights
    last = tokens.scores[:, -1:]
    settled = torch.ones_like(total, dtype=torch.bool)
    if params.top_k:
        weakest = tokens.scores[:, params.top_k - 1, None]
        settled = (weakest > last).squeeze(1)
        weights = weights * (tokens.scores >= weakest)
        total = weights.double().sum(-1)
    if params.top_p < 1:
        better = weights.double().cumsum(-1) - weights
        weights = weights * (better < params.top_p * total[:, None])
    if params.min_p:
        weights = weights * (weights >= params.min_p * weights[:, :1])
    return weights, settled & ~((tokens.scores == last) & (weights > 0)).any(-1)


def filter_all(scores: torch.Tensor, weights: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """Filters rows, whatever their distribution is.

    Args:
        scores: `[rows, blocks, block]`, the logits.
        weights: `[rows, blocks, block]`, proportional to their probabilities at the temperature.
        params: temperature, top_k, top_p and min_p.

    Returns:
        `[rows, blocks, block]`: the weights, 0 where a token is filtered out.
    """
    if params.top_k:
        count = torch.full(scores.shape[:1], params.top_k, dtype=torch.float64)
        pivot, _ = find_pivot(scores, torch.ones_like(scores), count, params.temperature * _WEIGHTLESS)
        weights = weights * _at_least(scores, pivot)
    if params.top_p < 1:
        goal = mass(weights) * params.top_p
        # All that is dropped weighs 1 - top_p at least with the pivot, so the pivot is not lighter than this.
        lightest = math.log(weights[0].numel() / (1 - params.top_p))
        pivot, tied = find_pivot(scores, weights, goal, params.temperature * (lightest + 1))
        weights = weights * _at_least(scores, pivot)
        rows = tied.nonzero().flatten()
        if rows.numel():
            weights[rows] = _without_surplus(scores[rows], weights[rows], pivot[rows], goal[rows])
    if params.min_p:
        weights = weights * _at_least(weights, weights.amax(-1).amax(-1) * params.min_p)
    return weights


def _without_surplus(
    scores: torch.Tensor, weights: torch.Tensor, pivot: torch.Tensor, goal: torch.Tensor
) -> torch.Tensor:
    """Of the tokens that equal the pivot, drops those of lowest id that the goal does not need."""
    ties = (scores == pivot[:, None, None]).flatten(1)
    flat = weights.flatten(1)
    count = ties.sum(-1)
    better = mass((flat * ~ties).view_as(weights))
    needed = ((goal - better) / (flat * ties).amax(-1)).ceil().clamp(min=1).minimum(count)
    surplus = ties & (ties.cumsum(-1) <= (count - needed)[:, None])
    return (flat * ~surplus).view_as(weights)


def _at_least(values: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """1.0 where a row's value is its bound or exceeds it, else 0.0."""
    return (values - bound[:, None, None]).sign_().add_(1).clamp_(max=1)
