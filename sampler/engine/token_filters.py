"""top_k, top_p and min_p without sorting the vocabulary.

The filters mean what transformers' `TopKLogitsWarper`, `TopPLogitsWarper` and `MinPLogitsWarper` mean, in
that order. Tokens are ranked by their logits and, where these are equal, by their ids, the higher the
better: so does the stable ascending sort in transformers. top_k keeps all that equal the k-th; top_p keeps
of equals as few as it needs.

Theory of operation. What is kept nearly always lies among the `RANKED` best tokens of a row; these are found
through the maxima of its blocks, and only they are sorted. In the other rows, flat ones, top_k and top_p are
reduced to a pivot, the smallest logit that is kept: it is bracketed by the mass above trial values until
the bracket holds few enough tokens to be ranked.

Each operation works row by row: what is kept of a row does not depend on its neighbours, to the last bit.
Masks are made by arithmetic (sign, clamp), which is several times faster here than comparing and selecting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from sampler.core import SamplingParams

BLOCK = 64  # tokens in a block of the vocabulary
RANKED = 64  # best tokens of a row that are looked at first
_WEIGHTLESS = 110.0  # exp(-110) is 0 in float32


@dataclass(frozen=True, eq=False)
class RankedTokens:
    """The best tokens of each row, best first: `[rows, ranked]` each."""

    ids: torch.Tensor  # int64
    scores: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, scores: torch.Tensor, maxima: torch.Tensor, weights: torch.Tensor) -> RankedTokens:
        """The `RANKED` best tokens; they lie in the `RANKED` blocks of largest maxima.

        Args:
            scores: `[rows, blocks, block]`.
            maxima: `[rows, blocks]`, of the scores of each block.
            weights: `[rows, blocks, block]`.
        """
        rows, blocks, block = scores.shape
        chosen = maxima.topk(min(RANKED, blocks)).indices
        places = chosen + torch.arange(rows, device=scores.device)[:, None] * blocks
        near = scores.flatten(0, 1).index_select(0, places.flatten()).view(rows, -1)
        place = near.topk(min(RANKED, near.shape[1])).indices
        ids = chosen.gather(1, place // block) * block + place % block
        ids = ids.sort(-1, descending=True).values
        best, order = scores.flatten(1).gather(1, ids).sort(dim=-1, descending=True, stable=True)
        ids = ids.gather(1, order)
        return cls(ids, best, weights.flatten(1).gather(1, ids))


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
        count = torch.full(scores.shape[:1], params.top_k, dtype=torch.float64, device=scores.device)
        pivot = find_pivot(scores, torch.ones_like(scores), count, params.temperature * _WEIGHTLESS)
        weights = weights * _at_least(scores, pivot)
    if params.top_p < 1:
        goal = mass(weights) * params.top_p
        # All that is dropped weighs 1 - top_p at least with the pivot, so the pivot is not lighter than this.
        lightest = math.log(weights[0].numel() / (1 - params.top_p))
        pivot = find_pivot(scores, weights, goal, params.temperature * (lightest + 1))
        weights = _drop_surplus(scores, weights * _at_least(scores, pivot), pivot, goal)
    if params.min_p:
        weights = weights * _at_least(weights, weights.amax((1, 2)) * params.min_p)
    return weights


def mass(weights: torch.Tensor) -> torch.Tensor:
    """The sum of each row: `[rows, blocks, block]` to `[rows]`, float64."""
    return weights.sum(-1).double().sum(-1)


def find_pivot(scores: torch.Tensor, weights: torch.Tensor, goal: torch.Tensor, depth: float) -> torch.Tensor:
    """The smallest score above which less than `goal` of the weight lies.

    Args:
        scores: `[rows, blocks, block]`.
        weights: `[rows, blocks, block]`, not negative.
        goal: `[rows]`, float64; more than 0.
        depth: how far below a row's best score the pivot is looked for; farther down, scores count as equal.

    Returns:
        `[rows]`.
    """
    top = scores.amax((1, 2))
    scores = scores.maximum(torch.minimum(top - depth, _below(top))[:, None, None])
    bracket = _Bracket(scores.amin((1, 2)), top, scores, weights)
    steps = 0
    while bool((is_open := bracket.is_open()).any()):
        bracket.narrow(goal, is_open, bisect=steps % 2 == 0)
        steps += 1
    inside = scores - _above(scores, bracket.hi) * torch.finfo(torch.float32).max
    ranked = RankedTokens.of(inside, inside.amax(-1), weights)
    reached = ranked.weights.double().cumsum(-1) + bracket.mass_hi[:, None] >= goal[:, None]
    # Where rounding keeps the sum from its goal, the bracket's last token is the pivot.
    rank = (~reached).sum(-1).minimum((bracket.count_lo - bracket.count_hi).long().clamp(1, RANKED) - 1)
    return ranked.scores.gather(1, rank[:, None]).squeeze(1)


class _Bracket:
    """Scores lo < hi of each row: the mass above hi is less than the goal, the mass above lo is not."""

    def __init__(
        self, least: torch.Tensor, top: torch.Tensor, scores: torch.Tensor, weights: torch.Tensor
    ) -> None:
        self._scores = scores
        self._weights = weights
        self.lo, self.hi = _below(least), top
        self.mass_lo, self.count_lo = self._evaluate(self.lo)
        self.mass_hi = self.count_hi = torch.zeros_like(self.mass_lo)

    def is_open(self) -> torch.Tensor:
        """Where the bracket holds too many tokens to be ranked, and not all equal."""
        return (self.count_lo - self.count_hi > RANKED) & (self.lo < _below(self.hi))

    def narrow(self, goal: torch.Tensor, rows: torch.Tensor, *, bisect: bool) -> None:
        """Moves one end of the bracket of `rows`, a mask: to its middle or to where the goal may lie."""
        share = (self.mass_lo - goal) / (self.mass_lo - self.mass_hi)
        step = (self.hi - self.lo) * (0.5 if bisect else share.float())
        trial = (self.lo + step).minimum(_below(self.hi)).maximum(torch.nextafter(self.lo, self.hi))
        mass_above, count_above = self._evaluate(trial)
        low, high = rows & (mass_above >= goal), rows & (mass_above < goal)
        self.lo, self.hi = torch.where(low, trial, self.lo), torch.where(high, trial, self.hi)
        self.mass_lo = torch.where(low, mass_above, self.mass_lo)
        self.mass_hi = torch.where(high, mass_above, self.mass_hi)
        self.count_lo = torch.where(low, count_above, self.count_lo)
        self.count_hi = torch.where(high, count_above, self.count_hi)

    def _evaluate(self, trial: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        above = _above(self._scores, trial)
        return mass(self._weights * above), mass(above)


def _drop_surplus(
    scores: torch.Tensor, weights: torch.Tensor, pivot: torch.Tensor, goal: torch.Tensor
) -> torch.Tensor:
    """Of the tokens that equal the pivot, drops those of lowest id that the goal does not need."""
    ties = (scores == pivot[:, None, None]).flatten(1)
    count = ties.sum(-1)
    rows = (count > 1).nonzero().flatten()
    if not rows.numel():
        return weights
    ties, count, flat = ties[rows], count[rows], weights.flatten(1)[rows]
    each = (flat * ties).amax(-1).double()
    better = mass((flat * ~ties).view(len(rows), *weights.shape[1:]))
    needed = ((goal[rows] - better) / each).ceil().clamp(min=1).minimum(count)
    flat = flat * ~(ties & (ties.cumsum(-1) <= (count - needed)[:, None]))
    return weights.index_copy(0, rows, flat.view(len(rows), *weights.shape[1:]))


def _above(values: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    """1.0 where a row's value exceeds its bound, else 0.0: `[rows, blocks, block]`, bound `[rows]`."""
    return (values - bound[:, None, None]).sign_().clamp_(0, 1)


def _at_least(values: torch.Tensor, bound: torch.Tensor) -> torch.Tensor:
    return (values - bound[:, None, None]).sign_().add_(1).clamp_(0, 1)


def _below(value: torch.Tensor) -> torch.Tensor:
    """The next smaller float."""
    return torch.nextafter(value, torch.full_like(value, float("-inf")))
