"""Static steps through whole generations: on a GPU as CUDA graphs, elsewhere the same steps as they are.

Triton's interpreter is too slow for that: off the GPU the steps attend and draw by torch's operators here;
`test_static_step.py` runs them with the kernels, a few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

from sampler.core import SamplingParams
from sampler.engine import Completion, Engine, ModelOutputError, Prompt, static_step, tree_decoder
from sampler.engine.admission import Admission
from sampler.engine.device_sampling import DeviceDraw
from sampler.engine.sampling import draw_tokens
from sampler.engine.step_cache import MOST_STEPS, StepCache
from tree_attention import AttentionOptions, AttentionPlan, AttentionStep, KvPool, cpu, kv_pool
from tree_attention.kv_storage import IntArray
from tree_attention.plan_layout import PlanCapacity

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CAPTURES = [
    False,
    pytest.param(
        True,
        marks=[pytest.mark.gpu, pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a CUDA device")],
    ),
]
PARAMS = SamplingParams(max_new_tokens=20, temperature=0.9, top_p=0.95, seed=3, logprobs=True)
STEM = tuple(range(1, 24))
PROMPTS = [
    Prompt("a", token_ids=(*STEM, 30, 31, 32), samples=4),
    Prompt("b", token_ids=(*STEM, 40), samples=3),
    Prompt("c", token_ids=STEM, samples=1),
    Prompt("d", token_ids=(50, 51), samples=4),
]

Found = dict[tuple[str, int], Completion]


class TorchPlan:
    """A `DevicePlan` by torch's operators."""

    def __init__(self, pool: KvPool, rows: int) -> None:
        self.positions = torch.zeros(rows, dtype=torch.int64)
        self._pool = pool

    def load(self, plan: AttentionPlan, positions: IntArray, lengths: IntArray) -> None:
        self._plan = plan
        self._starts = positions - lengths
        self.positions.copy_(torch.from_numpy(positions))

    def load_pages(self) -> None:
        """The pool is asked itself."""

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        if layer == 0:
            positions = self.positions.numpy().copy()
            self._step = AttentionStep.decode(self._plan, self._pool, positions, positions - self._starts)
        self._step.write(self._pool, layer, keys, values)

    def attend(
        self, query: torch.Tensor, layer: int, options: AttentionOptions
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return cpu.attend(query, self._pool, layer, self._step, options)


class TorchSteps(StepCache):
    """Steps that attend by `TorchPlan`."""

    def _device_plan(self, capacity: PlanCapacity) -> Any:
        return TorchPlan(self.pool, capacity.rows)


def draw_by_torch(logits: torch.Tensor, numbers: torch.Tensor, params: SamplingParams) -> DeviceDraw:
    faults = ~logits.amax(-1).isfinite()
    drawn = draw_tokens(logits.masked_fill(faults[:, None], 0.0), numbers.numpy(), params)
    return DeviceDraw(drawn.tokens, drawn.logprobs, faults)


@pytest.fixture
def eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines decode by the eager runner."""
    monkeypatch.setattr(tree_decoder, "step_cache_for", lambda *_: None)


@pytest.fixture
def statically(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[StepCache]]:
    """Has engines that are made from now on decode by static steps; gives the list of their caches."""

    def switch(capture: bool = False) -> list[StepCache]:
        caches: list[StepCache] = []
        kind = StepCache if DEVICE.type == "cuda" else TorchSteps

        def cache_for(opened: Any, pool: Any, mode: Any, _: Any) -> StepCache:
            caches.append(kind(opened, pool, mode, capture=capture))
            return caches[-1]

        monkeypatch.setattr(tree_decoder, "step_cache_for", cache_for)
        if DEVICE.type == "cpu":
            monkeypatch.setattr(kv_pool, "costs_less_folded", lambda *_: False)  # as on a GPU
            monkeypatch.setattr(static_step, "draw_tokens_on_device", draw_by_torch)
        return caches

    return switch


def make_engine(family: str, tokenizer: Any, **settings: Any) -> Engine:
    model = tiny_model(family).to(DEVICE)
    model.generation_config.eos_token_id = list(range(0, 120, 23))
    return Engine(model, tokenizer, **settings)


def drawn(engine: Engine, prompts: list[Prompt] = PROMPTS, params: SamplingParams = PARAMS) -> Found:
    found = {(c.prompt_id, c.sample_index): c for c in engine.generate(prompts, params)}
    assert len(found) == sum(len(prompt.sample_indices) for prompt in prompts)
    assert engine.stats.kv_bytes == 0
    return found


def assert_same(found: Found, expected: Found) -> None:
    assert found.keys() == expected.keys()
    for key, completion in expected.items():
        assert found[key].token_ids == completion.token_ids, key
        assert found[key].finish_reason == completion.finish_reason
        if completion.token_logprobs is not None:
            np.testing.assert_allclose(found[key].token_logprobs, completion.token_logprobs, atol=5e-4)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("llama", {"max_rows": 5}),
        ("llama", {"max_rows": 3, "attention": "per_sequence"}),
        ("llama", {"max_rows": 64, "attention": "single_level"}),
        ("llama", {"max_rows": 5, "attention": "no_attention"}),
        ("llama", {"max_rows": 5, "deterministic": True}),
        ("gemma2", {"max_rows": 16}),
        ("gpt2", {"max_rows": 5}),  # a table of positions, which those of padded rows must not leave either
        ("deepseek_v3", {"max_rows": 5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_the_same_as_eager_steps(
    eagerly: None,
    statically: Callable[[bool], list[StepCache]],
    tokenizer: Any,
    family: str,
    settings: dict[str, Any],
    capture: bool,
) -> None:
    """Refills, rows that end at different steps, page borders, buckets down to one row; two calls."""
    expected = drawn(make_engine(family, tokenizer, **settings))
    assert len({len(completion.token_ids) for completion in expected.values()}) > 2
    caches = statically(capture)
    engine = make_engine(family, tokenizer, **settings)
    assert_same(drawn(engine), expected)
    made = len(caches[0])
    assert_same(drawn(engine), expected)
    assert 0 < len(caches[0]) == made < MOST_STEPS  # the second call made none


@pytest.mark.parametrize("capture", CAPTURES)
def test_preempted_rows_replay_their_tokens(
    eagerly: None,
    statically: Callable[[bool], list[StepCache]],
    tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    capture: bool,
) -> None:
    """Little memory, and everybody admitted who fits at the moment: the arena moves, rows wait and replay."""
    monkeypatch.setattr(Admission, "bytes_to_come", lambda *_: 0)
    params = replace(PARAMS, max_new_tokens=60, top_p=0.6)
    engine = make_engine("llama", tokenizer, max_rows=16)
    expected = drawn(engine, params=params)
    pool = engine._opened.pool  # type: ignore[union-attr]
    statically(capture)
    memory = 30 * pool.token_bytes + 8 * pool.page_bytes
    engine = make_engine("llama", tokenizer, max_rows=16, kv_memory=memory)
    assert_same(drawn(engine, params=params), expected)
    assert engine.stats.preemptions > 1
    assert engine.stats.replayed_tokens > 5


@pytest.mark.parametrize("capture", CAPTURES)
def test_blocks_of_fixed_shape(
    eagerly: None, statically: Callable[[bool], list[StepCache]], tokenizer: Any, capture: bool
) -> None:
    """More rows than a deterministic call takes: each block has a step of its own."""
    params = SamplingParams(max_new_tokens=6, seed=1)
    prompts = [Prompt("a", token_ids=STEM, samples=40), Prompt("b", token_ids=(*STEM, 3), samples=30)]
    expected = drawn(make_engine("llama", tokenizer, max_rows=70), prompts, params)
    caches = statically(capture)
    engine = make_engine("llama", tokenizer, max_rows=70, deterministic=True)
    assert_same(drawn(engine, prompts, params), expected)
    assert {(one.key.block, one.key.rows) for one in caches[0]._steps} == {(0, 64), (1, 64)}


@pytest.mark.parametrize("capture", CAPTURES)
def test_unusable_logits_are_an_error(
    statically: Callable[[bool], list[StepCache]], tokenizer: Any, capture: bool
) -> None:
    statically(capture)
    engine = make_engine("llama", tokenizer, max_rows=4)
    found = engine.generate(PROMPTS[:1], PARAMS)  # all start together, so all that follows are steps
    next(found)
    with torch.no_grad():
        engine._opened._model.model.lm_head.weight.fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(ModelOutputError, match="not a finite number"):
        list(found)
    assert engine.stats.kv_bytes == 0


@pytest.mark.parametrize("capture", CAPTURES)
def test_an_error_that_a_pause_finds_is_of_the_paused_call(
    statically: Callable[[bool], list[StepCache]], tokenizer: Any, capture: bool
) -> None:
    """A step of the first call is under way when the second begins."""
    statically(capture)
    engine = make_engine("llama", tokenizer, max_rows=4)
    expected = drawn(engine, PROMPTS[1:])
    first = engine.generate(PROMPTS[:1], PARAMS)
    next(first)
    head = engine._opened._model.model.lm_head.weight  # type: ignore[union-attr]
    sound = head.detach().clone()
    with torch.no_grad():
        head.fill_(float("nan"))
    engine._opened._current._launch()  # type: ignore[union-attr]
    with torch.no_grad():
        head.copy_(sound)
    second = {(c.prompt_id, c.sample_index): c for c in engine.generate(PROMPTS[1:], PARAMS)}
    assert_same(second, expected)
    with pytest.raises(ModelOutputError, match="not a finite number"):
        next(first)
    assert engine.stats.kv_bytes == 0
    assert_same(drawn(engine, PROMPTS[1:]), expected)
