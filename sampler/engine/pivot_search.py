"""The best tokens of a row, and the score down to which the filters keep, without sorting the vocabulary.

The best tokens are found through the maxima of the row's blocks; only they are sorted. A pivot is bracketed
by the mass above trial values, until the bracket holds few enough tokens to be ranked.

Each operation works row by row: a row's result does not depend on its neighbours, to the last bit. Masks are
made by arithmetic (sign, clamp), which is several times faster here than comparing and selecting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

BLOCK = 64  # tokens in a block of the vocabulary
RANKED = 64  # most tokens of a row that are ranked
_FEW = 4  # where less than one row in so many is left, they are worth being copied
_LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True, eq=False)
class RankedTokens:
    """The best tokens of each row, best first: `[rows, ranked]` each."""

    ids: torch.Tensor  # int64
    scores: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(
        cls, scores: torch.Tensor, maxima: torch.Tensor, weights: torch.Tensor, width: int = RANKED
    ) -> RankedTokens:
        """The `width` best tokens; they lie in the `width` blocks of largest maxima.

        Args:
            scores: `[rows, blocks, block]`.
            maxima: `[rows, blocks]`, of the scores of each block.
            weights: `[rows, blocks, block]`.
            width: how many.
        """
        rows, blocks, block = scores.shape
        chosen = maxima.topk(min(width, blocks)).indices
        places = chosen + torch.arange(rows)[:, None] * blocks
        near = scores.flatten(0, 1).index_select(0, places.flatten()).view(rows, -1)
        place = near.topk(min(width, near.shape[1])).indices
        ids = chosen.gather(1, place // block) * block + place % block
        ids = ids.sort(-1, descending=True).values
        best, order = scores.flatten(1).gather(1, ids).sort(dim=-1, descending=True, stable=True)
        ids = ids.gather(1, order)
        return cls(ids, best, weights.flatten(1).gather(1, ids))


def mass(weights: torch.Tensor) -> torch.Tensor:
    """The sum of each row: `[rows, blocks, block]` to `[rows]`, float64."""
    return weights.sum(-1).double().sum(-1)


def find_pivot(
    scores: torch.Tensor, weights: torch.Tensor, goal: torch.Tensor, depth: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest score above which less than `goal` of the weight lies.

    Args:
        scores: `[rows, blocks, block]`.
        weights: `[rows, blocks, block]`, not negative.
        goal: `[rows]`, float64; more than 0.
        depth: how far below a row's best score the pivot is looked for; farther down, scores count as equal.

    Returns:
        `[rows]`, the score; `[rows]`, bool, whether several tokens have it.
    """
    top = scores.amax(-1).amax(-1)
    scores = scores.maximum(torch.minimum(top - depth, _below(top))[:, None, None])
    bracket = Bracket(top, scores, weights)
    step = 1
    while (rows := bracket.wide()).numel():
        if step % 8 == 0:
            bracket.snap(rows)
        bracket.narrow(rows, goal[rows], bisect=step % 4 == 0)
        step += 1
    inside = bracket.inside()
    ranked = RankedTokens.of(inside, inside.amax(-1), weights)
    reached = ranked.weights.double().cumsum(-1) + bracket.mass_hi[:, None] >= goal[:, None]
    # Where rounding keeps the sum from its goal, the bracket's last token is the pivot.
    rank = (~reached).sum(-1).minimum((bracket.count_lo - bracket.count_hi).long().clamp(1, RANKED) - 1)
    pivot = ranked.scores.gather(1, rank[:, None])
    return pivot.squeeze(1), (ranked.scores == pivot).sum(-1) > 1


class Bracket:
    """Scores lo < hi of each row: the mass above hi is less than the goal, the mass above lo is not."""

    def __init__(self, top: torch.Tensor, scores: torch.Tensor, weights: torch.Tensor) -> None:
        """A bracket around all scores; they are finite, and `top` is the best of each row."""
        self._scores = scores
        self._weights = weights
        self._work = torch.empty_like(scores)  # fresh memory costs more than what is computed in it
        self.lo, self.hi = _below(scores.amin(-1).amin(-1)), top.clone()
        self._total = mass(weights)
        self.mass_lo, self.mass_hi = self._total.clone(), torch.zeros_like(self._total)
        self.count_lo = torch.full_like(self._total, scores[0].numel())
        self.count_hi = torch.zeros_like(self._total)
        self._moves = torch.zeros_like(self._total)  # of hi in succession; of lo, if negative

    def wide(self) -> torch.Tensor:
        """The rows whose bracket holds too many tokens to be ranked, and not all equal."""
        held = self.count_lo - self.count_hi
        return ((held > RANKED) & (self.lo < _below(self.hi))).nonzero().flatten()

    def inside(self) -> torch.Tensor:
        """The scores, those above hi made the smallest numbers; valid until the next call of any method."""
        above = _above(self._scores, self.hi, self._work)
        return torch.sub(self._scores, above, alpha=_LARGEST, out=self._work)

    def snap(self, rows: torch.Tensor) -> None:
        """Moves both ends in `rows` to scores that occur: a bracket of equal ones is then seen to be so."""
        self.hi[rows] = self.inside().amax(-1).amax(-1)[rows]
        not_above = _above(self._scores, self.lo, self._work).sub_(1)
        lowest = torch.sub(self._scores, not_above, alpha=_LARGEST, out=self._work).amin(-1).amin(-1)
        self.lo[rows] = _below(lowest[rows])

    def narrow(self, rows: torch.Tensor, goal: torch.Tensor, *, bisect: bool) -> None:
        """Moves one end of the bracket in `rows`: to its middle, or to where their `goal` should lie."""
        lo, hi = self.lo[rows], self.hi[rows]
        share = 0.5 if bisect else self._share(rows, goal).float()
        trial = (lo + (hi - lo) * share).minimum(_below(hi)).maximum(torch.nextafter(lo, hi))
        mass_above, count_above = self._evaluate(trial, rows)
        low = mass_above >= goal
        for is_moved, ends in (
            (low, (self.lo, self.mass_lo, self.count_lo)),
            (~low, (self.hi, self.mass_hi, self.count_hi)),
        ):
            for end, value in zip(ends, (trial, mass_above, count_above), strict=True):
                end[rows[is_moved]] = value[is_moved]
        moves = self._moves[rows]
        self._moves[rows] = torch.where((moves < 0) == low, moves, 0) + torch.where(low, -1, 1)

    def _share(self, rows: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        """Where in the bracket the goal should lie, by the Illinois method on the log-odds of the mass.

        The log-odds are close to linear in the score, in both tails. The Illinois method halves the distance
        of the end that stays when the other has moved twice (Dowell & Jarratt, BIT 11, 1971).
        """
        wanted, moves = self._log_odds(rows, goal), self._moves[rows]
        below = (self._log_odds(rows, self.mass_lo[rows]) - wanted) * 0.5 ** (moves - 1).clamp(min=0)
        above = (wanted - self._log_odds(rows, self.mass_hi[rows])) * 0.5 ** (-moves - 1).clamp(min=0)
        return (below / (below + above)).nan_to_num(0.5)

    def _log_odds(self, rows: torch.Tensor, mass_above: torch.Tensor) -> torch.Tensor:
        total = self._total[rows]
        rest = total / self._scores[0].numel() / 2  # half of an average token
        mass_above = mass_above.minimum(total - rest).maximum(rest)
        return (mass_above / (total - mass_above)).log()

    def _evaluate(self, trial: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mass and the number of tokens above the trial values of `rows`."""
        few = len(rows) < len(self.lo) // _FEW
        if few:
            scores, weights, work = self._scores[rows], self._weights[rows], self._work[: len(rows)]
        else:
            scores, weights, work = self._scores, self._weights, self._work
            trial = self.lo.index_copy(0, rows, trial)
        above = _above(scores, trial, work)
        count = mass(above)
        mass_above = mass(above.mul_(weights))
        return (mass_above, count) if few else (mass_above[rows], count[rows])


def _above(values: torch.Tensor, bound: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """1.0 where a row's value exceeds its bound, else 0.0: `[rows, blocks, block]`, bound `[rows]`."""
    return torch.sub(values, bound[:, None, None], out=out).sign_().clamp_(min=0)


def _below(value: torch.Tensor) -> torch.Tensor:
    """The next smaller float."""
    return torch.nextafter(value, torch.full_like(value, float("-inf")))
