from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.report.statistics import (
    ProblemCount,
    curve_ks,
    interval,
    mean_pass_at_k,
    pass_at_k,
    problem_counts,
)


def counts_of(*pairs: tuple[int, int]) -> list[ProblemCount]:
    return [ProblemCount(f"p{i}", n, c, 0) for i, (n, c) in enumerate(pairs)]


def by_enumeration(n: int, c: int, k: int) -> float:
    """The share of the k-subsets of n samples, of which the first c are right, that hold a right one."""
    subsets = list(itertools.combinations(range(n), k))
    return sum(any(i < c for i in subset) for subset in subsets) / len(subsets)


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(n: int) -> None:
    for c, k in itertools.product(range(n + 1), range(1, n + 1)):
        assert pass_at_k(n, c, k) == pytest.approx(by_enumeration(n, c, k), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (1, 0, 1, 0.0),
        (1, 1, 1, 1.0),
        (10, 3, 1, 0.3),
        (5, 2, 2, 0.7),  # 1 - C(3,2)/C(5,2) = 1 - 3/10
        (32, 1, 32, 1.0),
        (200, 1, 100, 0.5),
        (10_000, 1, 1_000, 0.1),
    ],
)
def test_pass_at_k_by_hand(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_equals_the_binomials(args: tuple[int, int, int]) -> None:
    n, c, k = args
    exact = 1 - math.comb(n - c, k) / math.comb(n, k)  # Python divides integers of any size correctly
    assert pass_at_k(n, c, k) == pytest.approx(exact, abs=1e-10)
    assert 0.0 <= pass_at_k(n, c, k) <= 1.0


@settings(deadline=None)
@given(st.integers(2, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_pass_at_k_grows_with_k_and_c(args: tuple[int, int]) -> None:
    n, c = args
    along_k = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(along_k))
    assert all(pass_at_k(n, c, k) <= pass_at_k(n, c + 1, k) + 1e-12 for k in (1, 2, n))


@pytest.mark.parametrize(
    ("n", "c", "k", "said"),
    [
        (4, 1, 5, "pass@5 is undefined for n = 4"),
        (0, 0, 1, "undefined for n = 0"),
        (4, 5, 1, "c = 5"),
        (4, -1, 1, "c = -1"),
        (4, 1, 0, "k = 0"),
    ],
)
def test_pass_at_k_refuses(n: int, c: int, k: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pass_at_k(n, c, k)


def test_mean_is_over_problems_and_leaves_out_those_with_too_few() -> None:
    counts = counts_of((10, 5), (10, 0), (2, 2), (0, 0))
    assert mean_pass_at_k(counts, 1) == pytest.approx((0.5 + 0.0 + 1.0) / 3)
    assert mean_pass_at_k(counts, 10) == pytest.approx(0.5)
    assert mean_pass_at_k(counts, 11) is None
    assert mean_pass_at_k([], 1) is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 16), min_size=1, max_size=30), st.sampled_from([1, 2, 5, 16]))
def test_mean_does_not_depend_on_the_order(cs: list[int], k: int) -> None:
    forward = counts_of(*((16, c) for c in cs))
    assert mean_pass_at_k(forward, k) == mean_pass_at_k(forward[::-1], k)


def test_interval_of_a_known_case_agrees_with_the_normal_approximation() -> None:
    counts = counts_of(*((20, c % 21) for c in range(420)))
    bounds = interval(counts, 1, 0.95, 4000, seed=0)
    assert bounds is not None
    values = [count.c / 20 for count in counts]
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values))
    assert bounds[0] == pytest.approx(0.5 - half, abs=0.005)
    assert bounds[1] == pytest.approx(0.5 + half, abs=0.005)


def test_interval_is_seeded_and_wider_at_higher_confidence() -> None:
    counts = counts_of((8, 1), (8, 7), (8, 0), (8, 4), (8, 3))
    narrow, wide = interval(counts, 1, 0.8, 500, seed=3), interval(counts, 1, 0.99, 500, seed=3)
    assert narrow is not None
    assert wide is not None
    assert interval(counts, 1, 0.8, 500, seed=3) == narrow
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_intervals_over_the_same_problems_are_monotone_in_k() -> None:
    counts = counts_of(*((32, c) for c in (0, 1, 1, 3, 8, 20, 32, 0, 5)))
    bounds = [interval(counts, k, 0.95, 500, seed=0) for k in (1, 2, 5, 10, 20, 32)]
    lows, highs = [b[0] for b in bounds if b], [b[1] for b in bounds if b]
    assert lows == sorted(lows)
    assert highs == sorted(highs)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([(4, 2)], None),
        ([(4, 2), (0, 0)], None),
        ([(4, 0), (4, 0)], (0.0, 0.0)),
        ([(4, 4), (4, 4), (4, 4)], (1.0, 1.0)),
        ([(4, 0), (4, 4)], (0.0, 1.0)),
    ],
)
def test_interval_of_degenerate_cases(
    pairs: list[tuple[int, int]], expected: tuple[float, float] | None
) -> None:
    assert interval(counts_of(*pairs), 1, 0.95, 500, seed=0) == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 8), min_size=2, max_size=12))
def test_interval_lies_between_the_extremes_and_around_the_mean(cs: list[int]) -> None:
    counts = counts_of(*((8, c) for c in cs))
    bounds, mean = interval(counts, 1, 0.9, 200, seed=0), mean_pass_at_k(counts, 1)
    assert bounds is not None
    assert mean is not None
    assert min(cs) / 8 - 1e-12 <= bounds[0] <= bounds[1] <= max(cs) / 8 + 1e-12
    assert bounds[0] - 1e-12 <= mean <= bounds[1] + 1e-12


@pytest.mark.parametrize(
    ("n", "ks"),
    [
        (0, []),
        (1, [1]),
        (2, [1, 2]),
        (4, [1, 2, 4]),
        (10, [1, 2, 5, 10]),
        (32, [1, 2, 5, 10, 20, 32]),
        (1000, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]),
    ],
)
def test_curve_ks(n: int, ks: list[int]) -> None:
    assert curve_ks(n) == ks


def test_problem_counts_leaves_faults_out_of_n_and_keeps_the_manifests_order(make_run, sample, problem):
    run = make_run(
        [problem("b"), problem("a"), problem("empty")],
        [
            sample("a", 0, "AC"),
            sample("a", 1, "INTERNAL_ERROR"),
            sample("b", 0, "WA"),
            sample("b", 1, "NO_CODE", program=None),
            sample("b", 2, None),
        ],
    )
    assert problem_counts(run) == [
        ProblemCount("b", 2, 0, 0),
        ProblemCount("a", 1, 1, 1),
        ProblemCount("empty", 0, 0, 0),
    ]
