"""`tree_attention` equals the float64 oracle on random ragged forests, and the check has teeth."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from tree_attention import cpu
from tree_attention.attention import tree_attention, tree_attention_with_lse
from tree_attention.backend import AttentionOptions
from tree_attention.reference import reference_attention, reference_attention_with_lse

FLOAT32_BOUND = 1e-6  # relative to the norm; measured: 1e-7 to 4e-7
Maker = Callable[..., Any]

SHAPES = {
    "gqa": {"kv_heads": 2, "group": 3},
    "mha": {"kv_heads": 4, "group": 1},
    "mqa": {"kv_heads": 1, "group": 4},
    "values are smaller": {"key_dim": 24, "value_dim": 16},
    "values are larger": {"key_dim": 16, "value_dim": 40},
    "folded": {"fold": True},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "softcap": {"softcap": 1.5},
    "window of 1": {"sliding_window": 1},
    "window of 13": {"sliding_window": 13},
    "wide window": {"sliding_window": 10_000},
    "sinks": {"with_sinks": True},
    "all": {"softcap": 2.0, "sliding_window": 9, "with_sinks": True},
}


def options_for(query: torch.Tensor, *, with_sinks: bool = False, **settings: Any) -> AttentionOptions:
    sinks = torch.linspace(-1, 3, query.shape[1]) if with_sinks else None
    return AttentionOptions(scale=query.shape[-1] ** -0.5, sinks=sinks, **settings)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


def check(case: Any, options: AttentionOptions) -> float:
    """The larger of the relative errors of output and log-sum-exp; infinite where -inf is not."""
    args = (case.query, case.pool, 0, case.step, options)
    found, found_lse = tree_attention_with_lse(*args)
    expected, expected_lse = reference_attention_with_lse(*args)
    assert found.dtype == case.query.dtype
    assert found_lse.dtype == torch.float32
    assert not found.isnan().any()
    nothing = expected_lse == float("-inf")
    if not torch.equal(nothing, found_lse == float("-inf")):
        return float("inf")
    assert not found[nothing].any()
    return max(relative_error(found, expected), relative_error(found_lse[~nothing], expected_lse[~nothing]))


@pytest.mark.parametrize("kind", ["decode", "prefill"])
@pytest.mark.parametrize(("shape", "option"), list(itertools.product(SHAPES, OPTIONS)))
def test_equals_the_oracle(case_maker: Maker, kind: str, shape: str, option: str) -> None:
    case = getattr(case_maker(**SHAPES[shape], seed=len(shape + option)), kind)()
    assert check(case, options_for(case.query, **OPTIONS[option])) <= FLOAT32_BOUND


def test_folded_nodes_are_read_in_place_once_and_copied_for_further_rows(case_maker: Maker) -> None:
    case = case_maker(seed=3, fold=True).decode()
    assert case.step.plan.folded
    assert case.step.plan.parts
    assert case.step.suffix is not None
    assert len(case.step.suffix.layout.pages) == 2
    alone = case.only([1])
    assert alone.step.suffix is not None
    assert len(alone.step.suffix.layout.pages) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_16_bit_is_as_good_as_unsplit_attention(case_maker: Maker, kind: str, dtype: torch.dtype) -> None:
    case = getattr(case_maker(dtype=dtype, seed=5), kind)()
    options = options_for(case.query)
    expected = reference_attention(case.query, case.pool, 0, case.step, options)
    best = relative_error(expected.to(dtype), expected)  # one rounding, of the result
    assert check(case, options) <= 1.05 * best


def test_scores_are_computed_in_pieces_when_they_are_large(
    case_maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "_SCORES_AT_ONCE", 64)
    case = case_maker(seed=8).prefill()
    assert check(case, options_for(case.query, softcap=2.0, sliding_window=6)) <= FLOAT32_BOUND


def test_one_row_without_a_node(case_maker: Maker) -> None:
    maker = case_maker(seed=1)
    case = maker.decode(longest_suffix=1)
    assert check(case, options_for(case.query)) <= FLOAT32_BOUND


@pytest.mark.parametrize("option", list(OPTIONS))
@pytest.mark.parametrize("shape", ["gqa", "mha", "values are smaller", "folded"])
def test_a_rows_bits_do_not_depend_on_its_neighbours(case_maker: Maker, shape: str, option: str) -> None:
    case = case_maker(seed=4, longest=700, **SHAPES[shape]).decode(longest_suffix=30)
    options = options_for(case.query, **OPTIONS[option])
    among = tree_attention_with_lse(case.query, case.pool, 0, case.step, options)
    rows = range(case.step.plan.rows)
    for some in ([0], [3], [rows[-3]], list(rows[::2]), list(rows[1::3]), list(rows[2:7])):
        few = case.only(some)
        found = tree_attention_with_lse(few.query, few.pool, 0, few.step, options)
        assert torch.equal(found[0], among[0][some])
        assert torch.equal(found[1], among[1][some])


Partials = list[cpu.Partial]


def swapped(partials: Partials) -> Partials:
    """The log-sum-exps in the layout of another order of heads and rows."""
    return [replace(part, lse=part.lse.transpose(0, 1).reshape(part.lse.shape)) for part in partials]


def dropped(partials: Partials) -> Partials:
    return partials[1:]


def counted_twice(partials: Partials) -> Partials:
    return [*partials, partials[-1]]


def half_precision_sums(partials: Partials) -> Partials:
    return [replace(part, lse=part.lse.bfloat16().float()) for part in partials]


@pytest.mark.parametrize("damage", [swapped, dropped, counted_twice, half_precision_sums])
@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_the_check_has_teeth(
    case_maker: Maker,
    kind: str,
    damage: Callable[[Partials], Partials],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = getattr(case_maker(seed=2, kv_heads=3), kind)()
    options = options_for(case.query)
    assert check(case, options) <= FLOAT32_BOUND
    merge = cpu.merge
    monkeypatch.setattr(cpu, "merge", lambda parts, out, sinks: merge(damage(parts), out, sinks))
    assert check(case, options) > 100 * FLOAT32_BOUND


def test_a_row_that_reads_nothing_gives_zero() -> None:
    nothing = cpu.Partial(0, 3, torch.zeros(2, 3, 1, 5), torch.full((2, 3, 1), float("-inf")))
    for partials in ([], [nothing], [nothing, nothing]):
        for sinks in (None, torch.zeros(2)):
            out, lse = cpu.merge(partials, torch.zeros(2, 3, 1, 5), sinks)
            assert torch.equal(out, torch.zeros(2, 3, 1, 5))
            assert torch.equal(lse, nothing.lse)


@pytest.mark.parametrize("shape", [(3, 4, 8), (5, 3, 8), (5, 4, 16), (5, 32)])
def test_a_query_that_does_not_fit_is_refused(case_maker: Maker, shape: tuple[int, ...]) -> None:
    case = case_maker(seed=2).decode()
    query = torch.zeros(shape)
    with pytest.raises(ValueError, match="does not fit"):
        tree_attention(query, case.pool, 0, case.step, AttentionOptions(scale=1.0))


@pytest.mark.parametrize(("name", "value"), [("sliding_window", 0), ("softcap", 0.0), ("softcap", -1.0)])
def test_options_are_checked(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        AttentionOptions(scale=1.0, **{name: value})
