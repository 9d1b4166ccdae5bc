"""The Triton kernels against the oracle: in Triton's interpreter, or compiled where there is a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tree_attention import triton_backend
from tree_attention.backend import AttentionOptions
from tree_attention.plan_layout import SplitLengths
from tree_attention.reference import reference_attention_with_lse, row_context

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FLOAT32_BOUND = 1e-6  # relative to the norm
SPLITS = SplitLengths(shortest=16, longest=16, suffix=4)  # small, so that small cases have several

Maker = Callable[..., Any]

SHAPES = {
    "gqa": {"kv_heads": 2, "group": 3},
    "mha": {"kv_heads": 3, "group": 1},
    "mqa": {"kv_heads": 1, "group": 20},  # more heads than a small tile has lanes
    "values are smaller": {"kv_heads": 1, "key_dim": 24, "value_dim": 16},
    "values are larger": {"kv_heads": 1, "key_dim": 16, "value_dim": 40},
    "mla": {"kv_heads": 1, "group": 2, "key_dim": 192, "value_dim": 128},
    "80": {"kv_heads": 1, "key_dim": 80, "value_dim": 80},
    "256": {"kv_heads": 1, "key_dim": 256, "value_dim": 256},
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
CASES = [
    ("decode", "gqa", "plain"),
    ("decode", "gqa", "all"),
    ("decode", "mha", "window of 13"),
    ("decode", "mqa", "sinks"),
    ("decode", "values are smaller", "window of 1"),
    ("decode", "values are larger", "softcap"),
    ("decode", "mla", "wide window"),
    ("decode", "80", "plain"),
    ("decode", "256", "all"),
    ("prefill", "gqa", "plain"),
    ("prefill", "gqa", "all"),
    ("prefill", "mqa", "window of 1"),
    ("prefill", "values are larger", "window of 13"),
    ("prefill", "mla", "softcap"),
    ("prefill", "80", "sinks"),
]


def make_case(case_maker: Maker, kind: str, **settings: Any) -> Any:
    """Seven rows that decode, one of them padded and one without a suffix; or more that prefill."""
    if kind == "prefill":
        return case_maker(**settings, longest=6, device=DEVICE).prefill(chunk=3)
    case = case_maker(**settings, device=DEVICE).decode()
    return case.only([*range(9), case.step.plan.rows - 1])


def options_for(query: torch.Tensor, *, with_sinks: bool = False, **settings: Any) -> AttentionOptions:
    sinks = torch.linspace(-1, 3, query.shape[1], device=query.device) if with_sinks else None
    return AttentionOptions(scale=query.shape[-1] ** -0.5, sinks=sinks, **settings)


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


def attend(case: Any, options: AttentionOptions) -> tuple[torch.Tensor, torch.Tensor]:
    plan = triton_backend.plan_of_step(case.step, case.pool, case.query.shape[1], SPLITS)
    return plan.attend(case.query, 0, options)


@pytest.mark.parametrize(("kind", "shape", "option"), CASES)
def test_equals_the_oracle(case_maker: Maker, kind: str, shape: str, option: str) -> None:
    case = make_case(case_maker, kind, **SHAPES[shape], seed=len(shape + option))
    options = options_for(case.query, **OPTIONS[option])
    out, lse = attend(case, options)
    expected, expected_lse = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)
    assert out.dtype == torch.float32
    assert relative_error(out, expected) <= FLOAT32_BOUND
    torch.testing.assert_close(lse.double(), expected_lse, atol=3e-6, rtol=0)
    if kind == "decode":
        assert torch.equal(out[-1], torch.zeros_like(out[-1]))  # the padded row
        assert torch.isneginf(lse[-1]).all()


@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_backend_of_one_call(case_maker: Maker, kind: str) -> None:
    """With the splits as they are, and the arrays made at the first of a call's layers."""
    case = make_case(case_maker, kind, seed=5)
    options = options_for(case.query)
    out, _ = triton_backend.attend(case.query, case.pool, 0, case.step, options)
    expected, _ = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)
    assert relative_error(out, expected) <= FLOAT32_BOUND
    again, _ = triton_backend.attend(case.query, case.pool, 0, case.step, options)
    assert torch.equal(out, again)


ON_GPU = [pytest.mark.gpu, pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")]


@pytest.mark.parametrize("tokens", [4_200, pytest.param(100_000, marks=ON_GPU)])
def test_a_long_node(case_maker: Maker, tokens: int) -> None:
    """Many splits of a node, and weights of very different size."""
    maker = case_maker(kv_heads=1, group=1, key_dim=16, value_dim=16, device=DEVICE)
    case = maker.decode_below([maker.fill(maker.pool.allocate_node(None, tokens))], longest_suffix=2)
    options = AttentionOptions(scale=4.0)
    out, lse = triton_backend.attend(case.query, case.pool, 0, case.step, options)
    expected, expected_lse = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)
    assert relative_error(out, expected) <= 10 * FLOAT32_BOUND  # scores of 60 are themselves exact to 4e-6
    torch.testing.assert_close(lse.double(), expected_lse, atol=3e-5, rtol=0)


def unsplit(case: Any, options: AttentionOptions) -> torch.Tensor:
    """One softmax a row in the case's dtype, as an ordinary 16-bit attention computes it."""
    rows = []
    for row in range(case.step.plan.rows):
        context = row_context(case.pool, 0, case.step, row)
        keys, values = (
            t.transpose(0, 1).float().repeat_interleave(case.query.shape[1] // t.shape[1], 0)
            for t in (context.keys, context.values)
        )
        scores = (keys @ case.query[row].float().unsqueeze(-1)).squeeze(-1) * options.scale
        scores = scores - scores.amax(-1, keepdim=True) if scores.shape[1] else scores
        weights = scores.exp()
        total = weights.sum(-1).clamp_min(1e-30)
        out = (weights.to(case.query.dtype).float().unsqueeze(1) @ values).squeeze(1) / total[:, None]
        rows.append(out.to(case.query.dtype))
    return torch.stack(rows)


def check_16_bit(cases: list[Any]) -> None:
    """The errors of all cases together, since those of a few numbers differ by chance."""
    squares = torch.zeros(2, dtype=torch.float64)
    for case in cases:
        options = options_for(case.query)
        out, _ = attend(case, options)
        assert out.dtype == case.query.dtype
        expected, _ = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)
        errors = [(found.double() - expected).norm().cpu() for found in (out, unsplit(case, options))]
        squares += torch.stack(errors) ** 2
    assert squares[0].sqrt() <= 1.05 * squares[1].sqrt()


@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_float16_is_as_good_as_unsplit_attention(case_maker: Maker, kind: str) -> None:
    check_16_bit([make_case(case_maker, kind, dtype=torch.float16, seed=5)])


@pytest.mark.parametrize("option", ["plain", "all"])
def test_a_rows_bits_do_not_depend_on_the_other_rows(case_maker: Maker, option: str) -> None:
    """Among others, alone, and in another place: the same bits."""
    case = make_case(case_maker, "decode", seed=4)
    options = options_for(case.query, **OPTIONS[option])
    out, lse = attend(case, options)
    for rows in ([2], [1, 2, 3], [5, 2]):
        few_out, few_lse = attend(case.only(rows), options)
        assert torch.equal(few_out, out[rows])
        assert torch.equal(few_lse, lse[rows])


def swapped_sums(partial_out: torch.Tensor, partial_sum: torch.Tensor) -> None:
    """The sums in the layout of another order of slots and heads."""
    partial_sum.copy_(partial_sum.transpose(0, 1).reshape(partial_sum.shape))


def one_part_dropped(partial_out: torch.Tensor, partial_sum: torch.Tensor) -> None:
    partial_sum[0, :, 1] = float("-inf")


def one_part_twice(partial_out: torch.Tensor, partial_sum: torch.Tensor) -> None:
    partial_out[1], partial_sum[1] = partial_out[0], partial_sum[0]


def sums_in_half_precision(partial_out: torch.Tensor, partial_sum: torch.Tensor) -> None:
    partial_sum.copy_(partial_sum.bfloat16())


def test_the_check_has_teeth(case_maker: Maker) -> None:
    """What is merged wrongly is found, by far."""
    case = make_case(case_maker, "decode", seed=2, kv_heads=3)
    options = options_for(case.query)
    plan = triton_backend.plan_of_step(case.step, case.pool, case.query.shape[1], SPLITS)
    expected, _ = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)

    launches = list(plan.attend_launches(case.query, 0, options))
    partials = launches[0].arguments["partial_out"], launches[0].arguments["partial_sum"]
    for partial in partials:
        partial.zero_()  # the places that are not used must not count by chance
    for launch in launches:
        launch.run(plan.device)
    whole = [partial.clone() for partial in partials]

    def error(damage: Callable[..., None]) -> float:
        for partial, kept in zip(partials, whole, strict=True):
            partial.copy_(kept)
        damage(*partials)
        out, lse = torch.empty_like(case.query), torch.empty_like(case.query[..., 0])
        plan.merge_launch(out, lse, 0, options).run(plan.device)
        return relative_error(out, expected)

    assert error(lambda *_: None) <= FLOAT32_BOUND
    for damage in (swapped_sums, one_part_dropped, one_part_twice, sums_in_half_precision):
        assert not error(damage) <= 100 * FLOAT32_BOUND, damage.__name__


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_16_bit_on_a_gpu(case_maker: Maker, kind: str, shape: str, dtype: torch.dtype) -> None:
    makers = (case_maker(**SHAPES[shape], dtype=dtype, seed=seed, device=DEVICE) for seed in range(6))
    check_16_bit([getattr(maker, kind)() for maker in makers])


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("shape", ["gqa", "mla"])
@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_every_option_on_a_gpu(case_maker: Maker, kind: str, shape: str, option: str) -> None:
    test_equals_the_oracle(case_maker, kind, shape, option)


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["decode", "prefill"])
def test_large_tiles_on_a_gpu(case_maker: Maker, kind: str) -> None:
    """More rows than the small tile is for, and a window that cuts through tiles."""
    for dtype, bound in ((torch.bfloat16, 4e-3), (torch.float32, FLOAT32_BOUND)):
        maker = case_maker(group=8, key_dim=128, value_dim=128, longest=300, dtype=dtype, device=DEVICE)
        case = getattr(maker, kind)()
        for settings in ({}, {"softcap": 2.0, "sliding_window": 150}):
            options = options_for(case.query, **settings)
            out, _ = triton_backend.attend(case.query, case.pool, 0, case.step, options)
            expected, _ = reference_attention_with_lse(case.query, case.pool, 0, case.step, options)
            assert relative_error(out, expected) <= bound
