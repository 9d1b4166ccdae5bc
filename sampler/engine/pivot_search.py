"""The best tokens of a row, and the score down to which the filters keep, without sorting the vocabulary.

The best tokens are found through the maxima of the row's blocks; only they are sorted. A pivot is bracketed
by the mass above trial values, until the bracket holds few enough tokens to be ranked.

Each operation works row by row: a row's result does not depend on its neighbours, to the last bit. Masks are
made by arithmetic (sign, clamp), which is several times faster here than comparing and selecting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

BLOCK = 64  # tokens in a block of the vocabulary
RANKED = 64  # most tokens of a row that are ranked
_FEW = 4  # where less than one row in so many is left, they are worth being copied
_LARGEST = torch.finfo(torch.float32).max

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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
    floor = torch.minimum(top - depth, torch.nextafter(top, torch.full_like(top, float("-inf"))))
    bracket = Bracket(top, scores.maximum(floor[:, None, None]), weights)
    goals = goal.numpy()
    step = 1
    while (rows := bracket.wide()).size:
        if step % 8 == 0:
            bracket.snap(rows)
        bracket.narrow(rows, goals[rows], bisect=step % 4 == 0)
        step += 1
    inside = bracket.inside()
    ranked = RankedTokens.of(inside, inside.amax(-1), weights)
    _, mass_hi = torch.from_numpy(bracket.mass)
    reached = ranked.weights.double().cumsum(-1) + mass_hi[:, None] >= goal[:, None]
    # Where rounding keeps the sum from its goal, the bracket's last token is the pivot.
    held = torch.from_numpy(bracket.held()).clamp(1, RANKED)
    pivot = ranked.scores.gather(1, (~reached).sum(-1).minimum(held - 1)[:, None])
    return pivot.squeeze(1), (ranked.scores == pivot).sum(-1) > 1


class Bracket:
    """Scores lo < hi of each row: the mass above hi is less than the goal, the mass above lo is not.

    The ends and what lies above them are numpy arrays `[2, rows]`, lo first: on a few numbers its operations
    cost a fraction of torch's.
    """

    def __init__(self, top: torch.Tensor, scores: torch.Tensor, weights: torch.Tensor) -> None:
        """A bracket around all scores; they are finite, and `top` is the best of each row."""
        self._scores = scores
        self._weights = weights
        self._work = torch.empty_like(scores)  # fresh memory costs more than what is computed in it
        total = mass(weights).numpy()
        self._total = total
        self.score = np.stack([_below(scores.amin(-1).amin(-1).numpy()), top.numpy()])
        self.mass = np.stack([total, np.zeros_like(total)])
        self.count = np.stack([np.full_like(total, scores[0].numel()), np.zeros_like(total)])
        self._moved = np.zeros(len(total), dtype=np.int64)  # the end that moved last: 0 or 1
        self._moves = np.zeros(len(total))  # how often in succession

    def held(self) -> IntArray:
        """`[rows]`, how many tokens lie in the bracket; lo is not in it, hi is."""
        held: IntArray = (self.count[0] - self.count[1]).astype(np.int64)
        return held

    def wide(self) -> IntArray:
        """The rows whose bracket holds too many tokens to be ranked, and not all equal."""
        lo, hi = self.score
        return np.flatnonzero((self.held() > RANKED) & (lo < _below(hi)))

    def inside(self) -> torch.Tensor:
        """The scores, those above hi made the smallest numbers; valid until the next call of any method."""
        above = _above(self._scores, self.score[1], self._work)
        return torch.sub(self._scores, above, alpha=_LARGEST, out=self._work)

    def snap(self, rows: IntArray) -> None:
        """Moves both ends in `rows` to scores that occur: a bracket of equal ones is then seen to be so."""
        self.score[1, rows] = self.inside().amax(-1).amax(-1).numpy()[rows]
        not_above = _above(self._scores, self.score[0], self._work).sub_(1)
        lowest = torch.sub(self._scores, not_above, alpha=_LARGEST, out=self._work).amin(-1).amin(-1)
        self.score[0, rows] = _below(lowest.numpy()[rows])

    def narrow(self, rows: IntArray, goal: FloatArray, *, bisect: bool) -> None:
        """Moves one end of the bracket in `rows`: to its middle, or to where their `goal` should lie."""
        lo, hi = self.score[:, rows]
        share = np.full(len(rows), 0.5) if bisect else self._share(rows, goal)
        trial = np.minimum(lo + (hi - lo) * share.astype(np.float32), _below(hi))
        trial = np.maximum(trial, np.nextafter(lo, hi))
        mass_above, count_above = self._evaluate(trial, rows)
        end = (mass_above < goal).astype(np.int64)
        self.score[end, rows], self.mass[end, rows], self.count[end, rows] = trial, mass_above, count_above
        self._moves[rows] = np.where(self._moved[rows] == end, self._moves[rows], 0) + 1
        self._moved[rows] = end

    def _share(self, rows: IntArray, goal: FloatArray) -> FloatArray:
        """Where in the bracket the goal should lie, by the Illinois method on the log-odds of the mass.

        The log-odds are close to linear in the score, in both tails. The Illinois method halves the distance
        of the end that stays when the other has moved twice (Dowell & Jarratt, BIT 11, 1971).
        """
        total = self._total[rows]
        distance = np.abs(self._log_odds(self.mass[:, rows], total) - self._log_odds(goal, total))
        stays = 1 - self._moved[rows]
        distance[stays, np.arange(len(rows))] *= 0.5 ** np.maximum(self._moves[rows] - 1, 0)
        below, both = distance[0], distance.sum(0)
        share: FloatArray = np.divide(below, both, out=np.full_like(below, 0.5), where=both > 0)
        return share

    def _log_odds(self, mass_above: FloatArray, total: FloatArray) -> FloatArray:
        rest = total / self._scores[0].numel() / 2  # half of an average token
        mass_above = np.clip(mass_above, rest, total - rest)
        odds: FloatArray = np.log(mass_above / (total - mass_above))
        return odds

    def _evaluate(self, trial: npt.NDArray[np.float32], rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """The mass and the number of tokens above the trial values of `rows`."""
        few = len(rows) < self.score.shape[1] // _FEW
        scores, weights, work = self._scores, self._weights, self._work
        if few:
            scores, weights, work = scores[rows], weights[rows], work[: len(rows)]
        else:
            every = self.score[0].copy()
            every[rows] = trial
            trial = every
        above = _above(scores, trial, work)
        count = mass(above).numpy()
        mass_above = mass(above.mul_(weights)).numpy()
        return (mass_above, count) if few else (mass_above[rows], count[rows])


def _above(values: torch.Tensor, bound: npt.NDArray[np.float32], out: torch.Tensor) -> torch.Tensor:
    """1.0 where a row's value exceeds its bound, else 0.0: `[rows, blocks, block]`, bound `[rows]`."""
    return torch.sub(values, torch.from_numpy(bound)[:, None, None], out=out).sign_().clamp_(min=0)


def _below(value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The next smaller float."""
    return np.nextafter(value, np.float32("-inf"))
