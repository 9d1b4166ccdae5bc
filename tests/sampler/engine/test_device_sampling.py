"""The kernels draw what transformers' warpers leave: in Triton's interpreter, or on a GPU if there is one."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch
from hf_warpers import assert_drawn, warped
from scipy import stats

from sampler.core import SamplingParams
from sampler.engine import ModelOutputError
from sampler.engine.device_sampling import TILE, draw_tokens_on_device, raise_on_fault
from sampler.engine.sampling import draw_tokens

pytest.importorskip("triton")
DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
SETTINGS: list[dict[str, Any]] = [
    {"temperature": 0.8, "top_p": 0.95},
    {"temperature": 1.3, "top_p": 1.0, "top_k": 20},
    {"temperature": 1.0, "top_p": 1.0, "min_p": 0.05},
    {"temperature": 0.9, "top_p": 0.9, "top_k": 300, "min_p": 0.02},
]
every_setting = pytest.mark.parametrize("settings", SETTINGS, ids=str)
two_tiles = TILE + 300


def mixed_logits(vocabulary: int) -> torch.Tensor:
    """Five rows: nearly flat, ordinary, peaked, of few distinct logits, and with masked tokens."""
    spreads = torch.tensor([0.1, 1.5, 8.0, 1.0, 2.0])
    logits = torch.randn(5, vocabulary, generator=torch.Generator().manual_seed(1)) * spreads[:, None]
    logits[3] = (logits[3] * 2).round()
    logits[4, : vocabulary // 2] = float("-inf")
    return logits


def draw(logits: torch.Tensor, uniforms: np.ndarray, params: SamplingParams) -> tuple[torch.Tensor, ...]:
    """Tokens, log-probabilities (empty if there are none) and faults, on the CPU."""
    drawn = draw_tokens_on_device(logits.to(DEVICE), torch.from_numpy(uniforms).to(DEVICE), params)
    logprobs = torch.empty(0) if drawn.logprobs is None else drawn.logprobs
    return drawn.tokens.cpu(), logprobs.cpu(), drawn.faults.cpu()


@every_setting
@pytest.mark.parametrize("vocabulary", [50, two_tiles])
def test_tokens_lie_where_the_uniforms_point(settings: dict[str, Any], vocabulary: int) -> None:
    params = SamplingParams(**settings)
    logits = mixed_logits(vocabulary)
    uniforms = np.random.default_rng(vocabulary).random(5)
    tokens, logprobs, faults = draw(logits, uniforms, params)
    assert_drawn(tokens, logits, uniforms, params, 1e-5)
    assert len(logprobs) == 0
    assert not faults.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_of_equal_logits_as_many_are_kept_as_transformers_keeps(dtype: torch.dtype) -> None:
    """16-bit logits are full of ties: the ends of the interval show which are kept."""
    params = SamplingParams(temperature=1.0, top_p=0.7, top_k=200)
    logits = mixed_logits(600).to(dtype)
    kept = warped(logits.float(), params) > 0
    for number, first in ((0.0, True), (1 - 2.0**-53, False)):
        tokens, _, _ = draw(logits, np.full(5, number), params)
        ends = [int(row.nonzero()[0 if first else -1]) for row in kept]
        assert tokens.tolist() == ends


def test_top_p_keeps_of_equals_as_few_as_it_needs() -> None:
    """50 of 300 equal tokens: those of highest id, as a stable ascending sort has it."""
    params = SamplingParams(temperature=1.0, top_p=49.5 / 300)
    tokens, _, _ = draw(torch.zeros(3, 300), np.array([0.0, 0.5, 0.999]), params)
    assert tokens.tolist() == [250, 275, 299]


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, SETTINGS[3]], ids=str)
def test_log_probabilities_and_tokens_are_those_of_the_host(settings: dict[str, Any]) -> None:
    params = SamplingParams(**settings, logprobs=True)
    logits = mixed_logits(two_tiles)
    uniforms = np.random.default_rng(2).random(5)
    tokens, logprobs, _ = draw(logits, uniforms, params)
    expected = draw_tokens(logits, uniforms, params)
    assert torch.equal(tokens, expected.tokens)
    assert expected.logprobs is not None
    assert (logprobs - expected.logprobs).abs().max() < 4e-6


def test_greedy_is_the_first_of_the_largest() -> None:
    logits = torch.zeros(3, two_tiles)
    logits[0, [7, 40, TILE + 5]] = 1.0
    logits[1, TILE + 5] = 1.0
    tokens, _, _ = draw(logits, np.zeros(3), SamplingParams(temperature=0))
    assert tokens.tolist() == [7, TILE + 5, 0]


def test_rows_may_lie_apart_but_tokens_may_not() -> None:
    params = SamplingParams(temperature=1.0, top_p=0.9)
    logits = mixed_logits(50)
    wide = torch.zeros(5, 64)
    wide[:, :50] = logits
    uniforms = np.random.default_rng(3).random(5)
    assert torch.equal(draw(wide[:, :50], uniforms, params)[0], draw(logits, uniforms, params)[0])
    with pytest.raises(ValueError, match=r"strides \(1, 5\); the last must be 1"):
        draw_tokens_on_device(logits.T.contiguous().T, torch.from_numpy(uniforms), params)


@pytest.mark.parametrize("temperature", [0.0, 1e-40, 0.8])
def test_what_is_no_number_is_a_fault_of_its_row_alone(temperature: float) -> None:
    logits = mixed_logits(50)
    logits[1, 4], logits[2, 7], logits[3] = float("nan"), float("inf"), float("-inf")
    params = SamplingParams(temperature=temperature)
    tokens, _, faults = draw(logits, np.full(5, 0.5), params)
    assert faults.tolist() == [False, True, True, True, False]
    assert tokens[1:4].tolist() == [0, 0, 0]
    expected = draw_tokens(logits[[0, 4]], np.full(2, 0.5), params).tokens
    assert torch.equal(tokens[[0, 4]], expected)
    raise_on_fault(np.zeros(5, dtype=bool))
    with pytest.raises(ModelOutputError, match="largest logit in row 1 of 5 is not a finite number"):
        raise_on_fault(faults.numpy())


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE == "cpu", reason="no CUDA device")
@every_setting
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_large_vocabulary_in_a_captured_graph(settings: dict[str, Any], dtype: torch.dtype) -> None:
    params = SamplingParams(**settings)
    logits = mixed_logits(151_936).to(dtype).to("cuda")
    uniforms = torch.zeros(5, dtype=torch.float64, device="cuda")
    draw_tokens_on_device(logits, uniforms, params)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn = draw_tokens_on_device(logits, uniforms, params)
    generator = np.random.default_rng(4)
    for _ in range(5):
        numbers = generator.random(5)
        uniforms.copy_(torch.from_numpy(numbers))
        graph.replay()
        assert_drawn(drawn.tokens.cpu(), logits.cpu().float(), numbers, params, 1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE == "cpu", reason="no CUDA device")
@every_setting
def test_chi_square(settings: dict[str, Any]) -> None:
    params = SamplingParams(**settings)
    logits = torch.randn(1, 120, generator=torch.Generator().manual_seed(3)) * 1.5
    numbers = np.random.default_rng(5).random(20_000)
    tokens, _, _ = draw(logits.expand(len(numbers), -1).contiguous(), numbers, params)
    expected = warped(logits, params)[0]
    observed = tokens.bincount(minlength=120).double()
    inside = expected > 0
    assert observed[~inside].sum() == 0
    assert stats.chisquare(observed[inside], expected[inside] * len(numbers)).pvalue > 1e-3
