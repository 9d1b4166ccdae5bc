"""Tokens are drawn from what transformers' own warpers leave, by inverting its cumulative."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hf_warpers import assert_drawn, warped
from scipy import stats

from sampler.core import SamplingParams
from sampler.engine import ModelOutputError, device_sampling, sampling
from sampler.engine.pivot_search import RANKED
from sampler.engine.sampling import draw_tokens
from tree_attention.attention import triton_installed

SETTINGS: list[dict[str, Any]] = [
    {"temperature": 1.0, "top_p": 1.0},
    {"temperature": 0.5, "top_p": 1.0},
    {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 0.8, "top_p": 0.95},
    {"temperature": 2.0, "top_p": 0.1},
    {"temperature": 1.3, "top_p": 1.0, "top_k": 5},
    {"temperature": 1.0, "top_p": 1.0, "top_k": 300},
    {"temperature": 0.7, "top_p": 0.6, "top_k": 20},
    {"temperature": 1.0, "top_p": 0.9, "top_k": 1000},
    {"temperature": 1.5, "top_p": 1.0, "min_p": 0.1},
    {"temperature": 1.0, "top_p": 0.9, "min_p": 0.02},
    {"temperature": 0.9, "top_p": 0.95, "top_k": 50, "min_p": 0.05},
]
every_setting = pytest.mark.parametrize(
    "params", [SamplingParams(**settings) for settings in SETTINGS], ids=[str(s) for s in SETTINGS]
)


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def logits_of(rows: int, vocabulary: int, spread: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


def mixed_logits(rows: int, vocabulary: int) -> torch.Tensor:
    """Rows from flat to peaked, a row of few distinct logits, and one with masked tokens."""
    spreads = torch.tensor([0.1, 1.0, 3.0, 10.0, 1.0, 2.0]).repeat(rows // 6 + 1)[:rows]
    logits = logits_of(rows, vocabulary, 1.0, seed=4) * spreads[:, None]
    logits[4::6] = (logits[4::6] * 2).round()
    logits[5::6, : vocabulary // 2] = float("-inf")
    return logits


def evenly_spaced(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def chi_square_p_value(tokens: torch.Tensor, probabilities: torch.Tensor) -> float:
    """How likely counts at least so far off are, if the tokens are drawn with these probabilities."""
    observed = tokens.bincount(minlength=len(probabilities)).double()
    inside = probabilities > 0
    assert observed[~inside].sum() == 0, "a token was drawn that cannot be"
    return float(stats.chisquare(observed[inside], probabilities[inside] * len(tokens)).pvalue)


@every_setting
@pytest.mark.parametrize("vocabulary", [7, 64, 2000])
def test_the_kept_tokens_are_those_of_transformers(params: SamplingParams, vocabulary: int) -> None:
    """Evenly spaced uniforms in one row hit every kept token, unless its probability is tiny."""
    logits = mixed_logits(6, vocabulary)
    count = 1500
    for row in range(6):
        expected = warped(logits[row : row + 1], params)[0]
        drawn = draw_tokens(logits[row].expand(count, -1), evenly_spaced(count), params).tokens
        observed = drawn.bincount(minlength=vocabulary).double()
        assert (observed - expected * count).abs().max() <= 1 + 1e-3
        assert observed[expected == 0].sum() == 0


@every_setting
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_filters_leave_is_what_transformers_leaves(params: SamplingParams, dtype: torch.dtype) -> None:
    """The sets are equal, also among the many equal logits of bfloat16, and so is what weights they have."""
    logits = mixed_logits(24, 3000).to(dtype)
    scores = sampling._in_blocks(logits)
    weights = (scores - scores.amax((1, 2), keepdim=True)) / params.temperature
    weights = weights.flatten(1).softmax(-1).view_as(scores)
    left = sampling.filter_all(scores, weights, params).flatten(1)[:, :3000]
    expected = warped(logits.float(), params)
    visible = expected > 1e-30  # float32 weights of tokens that are less likely may be 0
    assert torch.equal(left > 1e-30, visible)
    assert (left / left.sum(-1, keepdim=True) - expected).abs().max() < 1e-6


@every_setting
def test_rows_of_every_kind_draw_what_transformers_would(params: SamplingParams) -> None:
    logits = mixed_logits(60, 3000)
    uniforms = np.random.default_rng(8).random(60)
    assert_drawn(draw_tokens(logits, uniforms, params).tokens, logits, uniforms, params, 1e-6)


@every_setting
def test_chi_square(params: SamplingParams) -> None:
    logits = logits_of(1, 120, 1.5, seed=3)
    count = 20_000
    drawn = draw_tokens(logits.expand(count, -1), np.random.default_rng(5).random(count), params).tokens
    assert chi_square_p_value(drawn, warped(logits, params)[0]) > 1e-3


def test_chi_square_against_softmax_has_teeth() -> None:
    logits = logits_of(1, 120, 1.5, seed=3)
    numbers = np.random.default_rng(6).random(20_000)
    drawn = draw_tokens(
        logits.expand(len(numbers), -1), numbers, SamplingParams(temperature=1, top_p=1)
    ).tokens
    assert chi_square_p_value(drawn, logits.double().softmax(-1)[0]) > 1e-3
    assert chi_square_p_value(drawn, (logits.double() / 1.1).softmax(-1)[0]) < 1e-3


@every_setting
@pytest.mark.parametrize("spread", [0.5, 8.0])
def test_a_large_vocabulary_is_never_sorted(
    params: SamplingParams, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    sort, topk = torch.Tensor.sort, torch.Tensor.topk

    def noted_sort(values: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        widths.append(values.shape[-1])
        return sort(values, *args, **kwargs)

    def noted_topk(values: torch.Tensor, k: int, **kwargs: Any) -> Any:
        widths.append(k)
        return topk(values, k, **kwargs)

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the vocabulary is sorted")

    logits = logits_of(3, 151_936, spread)
    numbers = np.array([0.01, 0.5, 0.99])
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "sort", noted_sort)
        patch.setattr(torch.Tensor, "topk", noted_topk)
        for owner in (torch, torch.Tensor):
            patch.setattr(owner, "argsort", refused)
        for name in ("sort", "topk"):
            patch.setattr(torch, name, refused)
        drawn = draw_tokens(logits, numbers, params).tokens
    assert max(widths, default=0) <= RANKED
    assert (warped(logits, params).gather(1, drawn[:, None]) > 0).all()


@pytest.mark.parametrize("params", [SamplingParams(**SETTINGS[i]) for i in (0, 3, 6, 11)])
@pytest.mark.usefixtures("two_threads")
def test_a_row_does_not_depend_on_its_neighbours(
    params: SamplingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of a row is the same to the last bit, whatever the batch, its cutting and the threads."""
    vocabulary = 33_001  # torch shares out what is larger than 32,768
    logits = mixed_logits(6, vocabulary)
    scores = sampling._in_blocks(logits)
    weights = (scores / params.temperature).flatten(1).softmax(-1).view_as(scores)
    left = sampling.filter_all(scores, weights, params)
    numbers = np.random.default_rng(1).random(6)
    asked = replace(params, logprobs=True)
    together = draw_tokens(logits, numbers, asked)
    for threads in (2, 1):
        torch.set_num_threads(threads)
        for first, size in ((0, 1), (1, 2), (3, 3), (2, 4), (1, 5)):
            rows = slice(first, first + size)
            assert torch.equal(sampling.filter_all(scores[rows], weights[rows], params), left[rows])
            alone = draw_tokens(logits[rows], numbers[rows], asked)
            assert torch.equal(alone.tokens, together.tokens[rows])
            assert torch.equal(alone.logprobs, together.logprobs[rows])
        monkeypatch.setattr(sampling, "_CACHED_TOKENS", 2 * vocabulary)


@every_setting
@pytest.mark.parametrize("number", [0.0, 1 - 2.0**-53])
def test_the_ends_of_the_unit_interval(params: SamplingParams, number: float) -> None:
    logits = mixed_logits(6, 500)
    numbers = np.full(6, number)
    assert_drawn(draw_tokens(logits, numbers, params).tokens, logits, numbers, params, 1e-7)


def test_greedy_is_the_first_of_the_largest_whatever_the_filters() -> None:
    logits = mixed_logits(12, 500)
    params = SamplingParams(temperature=0, top_p=0.1, top_k=3, min_p=0.5)
    drawn = draw_tokens(logits, np.zeros(12), params).tokens
    assert drawn.tolist() == [int((row == row.max()).nonzero()[0]) for row in logits]


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_log_probabilities_are_those_of_the_unfiltered_model(temperature: float) -> None:
    logits = mixed_logits(12, 3000)
    params = SamplingParams(temperature=temperature, top_p=0.5, top_k=10, min_p=0.1, logprobs=True)
    drawn = draw_tokens(logits, np.random.default_rng(3).random(12), params)
    expected = logits.double().log_softmax(-1).gather(1, drawn.tokens[:, None]).squeeze(1)
    assert drawn.logprobs is not None
    assert drawn.logprobs.dtype == torch.float32
    assert (drawn.logprobs - expected).abs().max() < 2e-6
    assert draw_tokens(logits, np.zeros(12), SamplingParams()).logprobs is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_logits_of_any_dtype_and_layout(dtype: torch.dtype) -> None:
    logits = mixed_logits(12, 640).to(dtype)
    numbers = np.random.default_rng(3).random(12)
    params = SamplingParams(temperature=0.8, top_p=0.9)
    expected = draw_tokens(logits.float(), numbers, params).tokens
    wide = torch.zeros(12, 700, dtype=dtype)
    wide[:, :640] = logits
    assert torch.equal(draw_tokens(wide[:, :640], numbers, params).tokens, expected)
    assert torch.equal(draw_tokens(logits.T.contiguous().T, numbers, params).tokens, expected)


def test_top_k_keeps_ties_as_transformers_does() -> None:
    params = SamplingParams(temperature=1.0, top_p=1.0, top_k=2)
    logits = torch.tensor([[1.0, 3.0, 2.0, 2.0, 0.0]])
    drawn = draw_tokens(logits.expand(1000, -1), evenly_spaced(1000), params).tokens
    assert drawn.unique().tolist() == [1, 2, 3]


def test_top_p_keeps_of_equals_as_few_as_it_needs() -> None:
    """50 of 300 equal tokens: those of highest id, as a stable ascending sort has it."""
    params = SamplingParams(temperature=1.0, top_p=49.5 / 300)
    drawn = draw_tokens(torch.zeros(1000, 300), evenly_spaced(1000), params).tokens
    assert drawn.unique().tolist() == list(range(250, 300))


def test_tiny_temperatures_do_not_overflow() -> None:
    logits = logits_of(5, 30, 3.0)
    for temperature in (1e-40, 1e-20, 1e-5):
        params = SamplingParams(temperature=temperature, top_p=0.95, top_k=7)
        assert torch.equal(draw_tokens(logits, np.full(5, 0.7), params).tokens, logits.argmax(-1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_an_error(
    bad: float, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_CACHED_TOKENS", 1)  # the row is counted over all calls
    logits = logits_of(3, 10, 1.0)
    logits[1, 4] = bad
    with pytest.raises(ModelOutputError, match=r"row 1 of 3 is (nan|inf)"):
        draw_tokens(logits, np.zeros(3), SamplingParams(temperature=temperature))


def test_a_row_of_masked_tokens_only_is_an_error() -> None:
    with pytest.raises(ModelOutputError, match="row 0 of 1 is -inf"):
        draw_tokens(torch.full((1, 9), float("-inf")), np.zeros(1), SamplingParams())


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a CUDA device, for machines without one."""

    is_cuda = True

    def cpu(self) -> torch.Tensor:  # type: ignore[override]
        return self.as_subclass(torch.Tensor)


@pytest.fixture
def no_triton(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delattr(device_sampling, "draw_tokens_on_device")
    triton_installed.cache_clear()
    yield
    triton_installed.cache_clear()


def test_a_gpu_without_triton_draws_on_the_host(no_triton: None, caplog: pytest.LogCaptureFixture) -> None:
    params = SamplingParams(temperature=0.8, top_p=0.9, logprobs=True)
    logits = mixed_logits(6, 500).bfloat16()
    numbers = np.random.default_rng(1).random(6)
    on_gpu = logits.cuda() if torch.cuda.is_available() else logits.as_subclass(OnGpu)
    with caplog.at_level(logging.WARNING):
        found, _ = (draw_tokens(on_gpu, numbers, params) for _ in range(2))
    expected = draw_tokens(logits, numbers, params)
    assert found.tokens.device == on_gpu.device
    assert found.tokens.tolist() == expected.tokens.tolist()
    assert found.logprobs is not None
    assert expected.logprobs is not None
    assert found.logprobs.tolist() == expected.logprobs.tolist()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Triton is not installed"]
    with pytest.raises(ModelOutputError, match="largest logit in row 0 of 6 is nan"):
        draw_tokens(on_gpu * float("nan"), numbers, params)
