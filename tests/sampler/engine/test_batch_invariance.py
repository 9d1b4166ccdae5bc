"""Law 3: a sample does not depend on the batch, the order or the memory: token by token, and in its bits.

In float32 on a CPU log-probabilities are compared exactly, which is sharper than the tokens. Experts get as
many rows as are routed to them, so that their products' shapes depend on the batch: there the tokens are held
to be equal, and the log-probabilities to rounding.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

from sampler.engine import Completion, Engine, Prompt, SamplingParams
from sampler.engine.admission import Admission
from sampler.engine.runner import EagerRunner
from sampler.engine.tree_decoder import TreeDecoder
from tree_attention import TreeModel

PARAMS = SamplingParams(max_new_tokens=20, temperature=0.9, top_p=0.95, seed=4, logprobs=True)
EXACT = ("llama", "gemma2")
FAMILIES = (*EXACT, "mixtral")

Found = dict[tuple[str, int], Completion]


def ragged_prompts() -> list[Prompt]:
    """Three levels, nodes of one token, prompts that are prefixes of others, equal ones, one alone."""
    draw = torch.Generator().manual_seed(7)

    def tokens(length: int) -> list[int]:
        return torch.randint(1, 120, (length,), generator=draw).tolist()

    root = tokens(40)
    middle = [root + tokens(1), root + tokens(9), root + tokens(14)]
    leaves = [middle[0] + tokens(3), middle[0] + tokens(9), middle[1] + tokens(1), middle[2] + tokens(5)]
    sequences = [root, *middle, *leaves, tokens(4), leaves[0]]
    return [Prompt(f"p{i}", token_ids=tuple(s), samples=1 + i % 3) for i, s in enumerate(sequences)]


PROMPTS = ragged_prompts()


def run(engine: Engine, order: int = 0, params: SamplingParams = PARAMS) -> Found:
    prompts = list(PROMPTS)
    random.Random(order).shuffle(prompts)
    found = {(c.prompt_id, c.sample_index): c for c in engine.generate(prompts, params)}
    assert len(found) == sum(len(p.sample_indices) for p in prompts) == engine.stats.completions
    assert engine.stats.kv_bytes == 0
    return found


def assert_same(found: Found, expected: Found, *, exact: bool) -> None:
    for key, completion in expected.items():
        assert found[key].token_ids == completion.token_ids, key
        if exact:
            assert found[key].token_logprobs == completion.token_logprobs, key
        else:
            np.testing.assert_allclose(found[key].token_logprobs, completion.token_logprobs, atol=1e-4)


@pytest.fixture(scope="module")
def expected(tokenizer: Any) -> dict[str, Found]:
    return {family: run(Engine(tiny_model(family), tokenizer, max_rows=64)) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("max_rows", "order"), [(1, 0), (3, 1), (16, 2), (64, 3)])
def test_batch_and_order(
    family: str, max_rows: int, order: int, expected: dict[str, Found], tokenizer: Any
) -> None:
    engine = Engine(tiny_model(family), tokenizer, max_rows=max_rows)
    assert_same(run(engine, order), expected[family], exact=family in EXACT)


@pytest.fixture
def reckless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is admitted who fits at the moment, so that memory is sure to run out."""
    monkeypatch.setattr(Admission, "bytes_to_come", lambda *_: 0)


@pytest.mark.usefixtures("reckless")
@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_preemption(
    family: str, ahead: int, expected: dict[str, Found], tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ahead(monkeypatch, ahead)
    model = tiny_model(family)
    pool = Engine(model, tokenizer)._opened.pool  # type: ignore[union-attr]
    alone = 63 * pool.token_bytes + 2 * pool.page_bytes  # of the longest prompt
    engine = Engine(model, tokenizer, max_rows=16, kv_memory=alone + 8 * pool.page_bytes)
    assert_same(run(engine, 1), expected[family], exact=family in EXACT)
    assert engine.stats.preemptions > 3
    assert engine.stats.replayed_tokens > 20
    assert engine.stats.evicted_nodes > 0
    assert engine.stats.kv_bytes_peak <= alone + 8 * pool.page_bytes


@pytest.mark.parametrize("params", [PARAMS, SamplingParams(max_new_tokens=20, seed=4, stop=("a", "!"))])
def test_steps_ahead(tokenizer: Any, monkeypatch: pytest.MonkeyPatch, params: SamplingParams) -> None:
    model = tiny_model("llama")
    engines = [Engine(model, tokenizer, max_rows=5) for _ in range(2)]
    expected = run(engines[0], params=params)
    run_ahead(monkeypatch, 1)
    found = run(engines[1], params=params)
    assert {k: replace(c, seconds=0) for k, c in found.items()} == {
        k: replace(c, seconds=0) for k, c in expected.items()
    }
    assert engines[0].stats.new_tokens == engines[1].stats.new_tokens  # a token too many is not counted


def test_calls_take_turns_with_no_step_under_way(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners of one engine may share their buffers."""
    run_ahead(monkeypatch, 1)
    runners: set[EagerRunner] = set()
    launch = EagerRunner.launch

    def alone(self: EagerRunner) -> None:
        runners.add(self)
        assert all(other.in_flight == 0 for other in runners - {self})
        launch(self)

    monkeypatch.setattr(EagerRunner, "launch", alone)
    engine = Engine(tiny_model("llama"), tokenizer, max_rows=6)
    expected = {(c.prompt_id, c.sample_index): c.token_ids for c in engine.generate(PROMPTS, PARAMS)}
    streams = [engine.generate(PROMPTS[:5], PARAMS), engine.generate(PROMPTS[5:], PARAMS)]
    found = {}
    while streams:
        stream = streams.pop(0)
        for completion in stream:
            found[completion.prompt_id, completion.sample_index] = completion.token_ids
            streams.append(stream)
            break
    assert found == expected
    assert len(runners) == 3
    assert (engine.stats.kv_bytes, engine.stats.completions) == (0, 2 * len(expected))


def run_ahead(monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    """Makes engines keep a step under way while they look at the one before."""

    def runner(self: TreeDecoder, params: SamplingParams) -> EagerRunner:
        return EagerRunner(self._model, self.pool, params, self._mode, self._shapes, self._ranks, ahead=ahead)

    monkeypatch.setattr(TreeDecoder, "runner", runner)


@pytest.fixture
def call_rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """The rows of the model's calls: of decoding, of prefill, and of the logits that prefill keeps."""
    seen: dict[str, set[int]] = {"decode": set(), "prefill": set(), "kept": set()}
    logits = TreeModel.logits

    def noted(self: TreeModel, tokens: Any, positions: Any, context: Any, keep: Any = None) -> Any:
        seen["decode" if keep is None else "prefill"].add(len(tokens))
        if keep is not None:
            seen["kept"].add(len(keep))
        return logits(self, tokens, positions, context, keep)

    monkeypatch.setattr(TreeModel, "logits", noted)
    return seen


def opened(call_rows: dict[str, set[int]], tokenizer: Any, **settings: Any) -> Engine:
    """An engine for long prompts whose opening, which makes calls too, is not noted."""
    model = tiny_model("llama")
    model.config.max_position_embeddings = 1024
    engine = Engine(model, tokenizer, **settings)
    for kind in call_rows.values():
        kind.clear()
    return engine


@pytest.mark.parametrize(("max_rows", "largest"), [(3, 4), (18, 20)])
def test_free_calls_have_whole_tiles(
    max_rows: int, largest: int, tokenizer: Any, call_rows: dict[str, set[int]]
) -> None:
    engine = opened(call_rows, tokenizer, max_rows=max_rows)
    run(engine)
    assert max(call_rows["decode"]) == largest
    assert all(rows % 4 == 0 for kind in call_rows.values() for rows in kind)


@pytest.mark.parametrize("max_rows", [3, 100])
def test_fixed_calls_have_one_shape(max_rows: int, tokenizer: Any, call_rows: dict[str, set[int]]) -> None:
    engine = opened(call_rows, tokenizer, max_rows=max_rows, deterministic=True)
    prompts = [
        Prompt("long", token_ids=tuple(range(1, 100)) * 6, samples=2),  # three chunks
        Prompt("many", token_ids=(3, 4), samples=70),
    ]
    found = list(engine.generate(prompts, SamplingParams(max_new_tokens=3)))
    assert len(found) == 72
    assert call_rows == {"decode": {64}, "prefill": {256}, "kept": {4}}
    assert engine.describe()["deterministic"] is True


def test_fixed_calls_draw_the_same(expected: dict[str, Found], tokenizer: Any) -> None:
    found = run(Engine(tiny_model("llama"), tokenizer, max_rows=100, deterministic=True))
    assert_same(found, expected["llama"], exact=True)
