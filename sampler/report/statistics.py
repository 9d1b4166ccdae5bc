"""pass@k: the unbiased estimator per problem, its mean over problems, and an interval around the mean.

The estimator is equation 1 of "Evaluating Large Language Models Trained on Code" (Chen et al. 2021,
arXiv 2107.03374): of n samples c are right, and pass@k = 1 - C(n - c, k) / C(n, k) is the chance that k of
them, drawn without replacement, hold a right one. It is undefined for n < k; such a problem is left out of
the mean for that k, and every mean is given with the number of problems in it.

The interval is a percentile bootstrap that resamples problems: the samples of one problem are a cluster,
and what a reader wants to know is how the figure would move on other problems of the same kind. With few
problems no normal approximation holds (arXiv 2503.01747).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampler.report.tally import ProblemTally, tally_verdicts

if TYPE_CHECKING:
    from sampler.run_dir import RunDir

_BATCH_CELLS = 2**22  # resampled values held at once: 32 MiB of float64


@dataclass(frozen=True)
class ProblemCount:
    """What pass@k needs to know of one problem."""

    problem_id: str
    n: int  # judged samples, those with INTERNAL_ERROR left out
    c: int  # accepted ones among them
    faults: int  # samples with INTERNAL_ERROR

    @classmethod
    def of(cls, tally: ProblemTally) -> ProblemCount:
        """The counts of one problem's rows."""
        return cls(tally.problem_id, tally.n, tally.c, tally.faults)


def problem_counts(run_dir: RunDir) -> list[ProblemCount]:
    """Count the verdicts of every problem of a run, in the manifest's order; a problem without any has n = 0.

    Raises:
        RunDirError: there is no readable manifest, or a row does not belong to this run.
        judge.rows.RowError: a row file cannot be read.
    """
    return [ProblemCount.of(problem) for problem in tally_verdicts(run_dir).problems.values()]


@functools.lru_cache(maxsize=65536)
def pass_at_k(n: int, c: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k), as a product of at most min(c, k) factors.

    The quotient of binomials is the product over i < k of (n - c - i) / (n - i), and equally, with c and k
    exchanged, over i < c of (n - k - i) / (n - i): no factor overflows, unlike the binomials.

    Args:
        n: samples drawn.
        c: right ones among them.
        k: samples that a user would try.

    Raises:
        ValueError: k < 1, c is not within 0 .. n, or n < k, for which pass@k is undefined.
    """
    if k < 1:
        raise ValueError(f"pass@k has k = {k}; it must be at least 1")
    if not 0 <= c <= n:
        raise ValueError(f"pass@k has c = {c} right samples of n = {n}; c must lie within 0 .. n")
    if n < k:
        raise ValueError(f"pass@{k} is undefined for n = {n} samples; draw at least {k}")
    if n - c < k:
        return 1.0  # fewer than k wrong ones: any k hold a right one
    few, many = min(c, k), max(c, k)
    return 1.0 - math.prod((n - many - i) / (n - i) for i in range(few))


def pass_values(counts: Sequence[ProblemCount], k: int) -> list[float]:
    """pass@k of every problem for which it is defined (n >= k), in order."""
    return [pass_at_k(count.n, count.c, k) for count in counts if count.n >= k]


def mean_pass_at_k(counts: Sequence[ProblemCount], k: int) -> float | None:
    """The macro mean of pass@k over the problems with n >= k; None where there is none.

    Raises:
        ValueError: k < 1.
    """
    values = pass_values(counts, k)
    return math.fsum(values) / len(values) if values else None


def interval(
    counts: Sequence[ProblemCount], k: int, confidence: float, resamples: int, seed: int
) -> tuple[float, float] | None:
    """The percentile bootstrap interval, over problems, of `mean_pass_at_k`.

    The resampled problems depend on the seed and the number of problems only, so intervals for several k
    over the same problems move together and are monotone in k, as the estimate is.

    Args:
        counts: the problems.
        k: of pass@k; problems with n < k are left out.
        confidence: the level, above 0 and below 1.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Returns:
        (low, high), or None with fewer than two problems, from which no spread can be told. Where all
        problems have the same value, both are that value: a bootstrap knows of no problem but these.
    """
    values = pass_values(counts, k)
    if len(values) < 2:
        return None
    if min(values) == max(values):
        return values[0], values[0]  # every resample has this mean
    return _bootstrap_mean(values, confidence, resamples, seed)


def _bootstrap_mean(
    values: Sequence[float], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    import numpy as np
    from scipy.stats import bootstrap

    found = bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        n_resamples=resamples,
        batch=max(1, _BATCH_CELLS // len(values)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return max(0.0, float(found.low)), min(1.0, float(found.high))


def curve_ks(n: int) -> list[int]:
    """The k at which a curve up to n is given: 1, 2, 5, 10, 20, 50, ... and n itself; none for n < 1."""
    ks = [m * 10**e for e in range(len(str(max(n, 1)))) for m in (1, 2, 5) if m * 10**e <= n]
    return ks if not ks or ks[-1] == n else [*ks, n]
