"""Tokens are drawn from what transformers' own warpers leave, by inverting its cumulative."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from sampler.core import SamplingParams
from sampler.engine import ModelOutputError, token_filters
from sampler.engine.sampling import draw_tokens

SETTINGS = [
    {"temperature": 1.0, "top_p": 1.0},
    {"temperature": 0.5, "top_p": 1.0},
    {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 0.8, "top_p": 0.95},
    {"temperature": 1.3, "top_p": 1.0, "top_k": 5},
    {"temperature": 0.7, "top_p": 0.6, "top_k": 20},
    {"temperature": 2.0, "top_p": 0.01},
    {"temperature": 1.0, "top_p": 0.9, "top_k": 1000},
]


def warped(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """The readable twin: transformers' warpers in their order, then softmax, in float64."""
    scores = TemperatureLogitsWarper(params.temperature)(None, logits.double())
    if params.top_k:
        scores = TopKLogitsWarper(params.top_k)(None, scores)
    if params.top_p < 1:
        scores = TopPLogitsWarper(params.top_p)(None, scores)
    return scores.softmax(-1)


def logits_of(rows: int, vocabulary: int, spread: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("vocabulary", "spread"), [(7, 1.0), (300, 3.0), (2000, 0.5)])
def test_same_support_and_mass_as_transformers(
    settings: dict[str, float], vocabulary: int, spread: float
) -> None:
    """Evenly spaced uniforms hit every token as often as its probability says, to within one."""
    params = SamplingParams(**settings)
    count = 2000
    logits = logits_of(1, vocabulary, spread)
    drawn = draw_tokens(logits.expand(count, -1), (np.arange(count) + 0.5) / count, params).tokens
    observed = drawn.bincount(minlength=vocabulary).double()
    assert (observed - warped(logits, params)[0] * count).abs().max() <= 1 + 1e-3


@pytest.mark.parametrize("settings", SETTINGS[:6])
def test_chi_square(settings: dict[str, float]) -> None:
    params = SamplingParams(**settings)
    count = 20_000
    logits = logits_of(1, 40, 1.5, seed=3)
    drawn = draw_tokens(logits.expand(count, -1), np.random.default_rng(5).random(count), params).tokens
    expected = warped(logits, params)[0] * count
    observed = drawn.bincount(minlength=40).double()
    inside = expected > 0
    assert observed[~inside].sum() == 0
    freedom = int(inside.sum()) - 1
    chi_square = float(((observed - expected)[inside] ** 2 / expected[inside]).sum())
    assert chi_square < freedom + 4.5 * (2 * freedom) ** 0.5 + 5  # p well below 0.001


def test_greedy_is_argmax_whatever_the_filters() -> None:
    logits = logits_of(9, 50, 2.0)
    params = SamplingParams(temperature=0, top_p=0.1, top_k=3)
    assert torch.equal(draw_tokens(logits, np.zeros(9), params).tokens, logits.argmax(-1))


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_row_does_not_depend_on_its_neighbours(settings: dict[str, float]) -> None:
    logits = torch.cat([logits_of(4, 2000, spread, seed=4) for spread in (0.1, 1.0, 4.0, 20.0)])
    numbers = np.random.default_rng(1).random(16)
    params = SamplingParams(**settings)
    together = draw_tokens(logits, numbers, params).tokens
    alone = [draw_tokens(logits[i : i + 1], numbers[i : i + 1], params).tokens[0] for i in range(16)]
    assert together.tolist() == [int(token) for token in alone]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("number", [0.0, 1 - 2.0**-53])
def test_the_ends_of_the_unit_interval(settings: dict[str, float], number: float) -> None:
    params = SamplingParams(**settings)
    logits = logits_of(6, 500, 3.0, seed=2)
    drawn = draw_tokens(logits, np.full(6, number), params).tokens
    assert (warped(logits, params).gather(-1, drawn[:, None]) > 0).all()


def test_top_k_keeps_ties_as_transformers_does() -> None:
    params = SamplingParams(temperature=1.0, top_p=1.0, top_k=2)
    logits = torch.tensor([[1.0, 3.0, 2.0, 2.0, 0.0]])
    drawn = draw_tokens(logits.expand(1000, -1), (np.arange(1000) + 0.5) / 1000, params).tokens
    assert sorted(drawn.unique().tolist()) == (warped(logits, params)[0] > 0).nonzero().flatten().tolist()


def test_flat_distributions_widen_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nucleus is the same whatever the widths at which it is looked for."""
    logits = logits_of(30, 700, 0.2, seed=9)
    numbers = np.random.default_rng(2).random(30)
    params = SamplingParams(temperature=1.0, top_p=0.9)
    wide = draw_tokens(logits, numbers, params).tokens
    monkeypatch.setattr(token_filters, "RANKED", 700)
    assert torch.equal(draw_tokens(logits, numbers, params).tokens, wide)


def test_tiny_temperatures_do_not_overflow() -> None:
    logits = logits_of(5, 30, 3.0)
    drawn = draw_tokens(logits, np.full(5, 0.7), SamplingParams(temperature=1e-40, top_p=0.95)).tokens
    assert torch.equal(drawn, logits.argmax(-1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_an_error(bad: float, temperature: float) -> None:
    logits = logits_of(3, 10, 1.0)
    logits[1, 4] = bad
    with pytest.raises(ModelOutputError, match=r"row 1 of 3 is (nan|inf)"):
        draw_tokens(logits, np.zeros(3), SamplingParams(temperature=temperature))


def test_masked_tokens_are_never_drawn() -> None:
    logits = logits_of(200, 10, 1.0)
    logits[:, 3:] = float("-inf")
    numbers = np.random.default_rng(0).random(200)
    for top_p in (1.0, 0.999):
        assert draw_tokens(logits, numbers, SamplingParams(temperature=1.0, top_p=top_p)).tokens.max() <= 2
