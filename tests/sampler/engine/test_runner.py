"""The runner by itself: the tokens of a step, known tokens, steps ahead, random numbers made in blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

from sampler.core import SamplingParams
from sampler.engine.call_shapes import FREE, CallShapes
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.philox import stream_words, uniforms
from sampler.engine.runner import UNIFORM_STEPS, Batch, EagerRunner, Uniforms
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import KvPool, OpenedModel, PoolFullError, open_model

ROWS = 6
GREEDY = SamplingParams(temperature=0, logprobs=True)


@pytest.fixture(scope="module")
def opened() -> OpenedModel:
    return open_model(tiny_model("llama"))


def batch_of(pool: KvPool, known: dict[int, list[int]] | None = None) -> Batch:
    """Rows without a prompt, each beginning with a token of its own."""
    streams = np.array([stream_words("p", row) for row in range(ROWS)], dtype=np.uint64).T
    return Batch(
        leaves=[None] * ROWS,  # type: ignore[list-item]
        branches=np.array([pool.open_branch(None) for _ in range(ROWS)]),
        tokens=np.arange(10, 10 + ROWS),
        positions=np.zeros(ROWS, dtype=np.int64),
        lengths=np.zeros(ROWS, dtype=np.int64),
        streams=streams,
        known={row: np.array(tokens) for row, tokens in (known or {}).items()},
    )


def steps_of(
    opened: OpenedModel,
    steps: int,
    *,
    params: SamplingParams = GREEDY,
    known: dict[int, list[int]] | None = None,
    shapes: CallShapes = FREE,
    ahead: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and log-probabilities `[steps, rows]`."""
    pool = KvPool(opened.layers)
    runner = EagerRunner(
        opened.tree_model, pool, params, ATTENTION_MODES["tree"], shapes, RankGroup(), ahead=ahead
    )
    runner.begin(batch_of(pool, known))
    results = []
    with torch.inference_mode():
        for _ in range(ahead):
            runner.launch()
        for _ in range(steps):
            runner.launch()
            assert runner.in_flight == ahead + 1
            results.append(runner.collect())
    return np.stack([r.tokens for r in results]), np.stack([r.logprobs for r in results])  # type: ignore[misc]


def whole_logits(opened: OpenedModel, sequence: list[int]) -> torch.Tensor:
    """Log-softmax after each token of a sequence: `[tokens, vocabulary]`."""
    with torch.inference_mode():
        model = tiny_model("llama")
        return model(torch.tensor([sequence]), use_cache=False).logits[0].log_softmax(-1)


def test_greedy_steps_are_those_of_the_whole_sequence(opened: OpenedModel) -> None:
    tokens, logprobs = steps_of(opened, 20)
    for row in range(ROWS):
        expected = whole_logits(opened, [10 + row, *tokens[:, row].tolist()])[:-1]
        assert tokens[:, row].tolist() == expected.argmax(-1).tolist()
        np.testing.assert_allclose(logprobs[:, row], expected.amax(-1), atol=1e-4)


def test_known_tokens_are_fed_whatever_is_drawn(opened: OpenedModel) -> None:
    known = {1: [5, 6, 7], 4: [9]}
    tokens, _ = steps_of(opened, 6, known=known)
    assert tokens[:3, 1].tolist() == [5, 6, 7]
    assert tokens[0, 4] == 9
    for row in (1, 4):
        expected = whole_logits(opened, [10 + row, *tokens[:, row].tolist()]).argmax(-1)
        after = len(known[row])
        assert tokens[after:, row].tolist() == expected[after:-1].tolist()
    undisturbed, _ = steps_of(opened, 6)
    others = [0, 2, 3, 5]
    assert (tokens[:, others] == undisturbed[:, others]).all()


@pytest.mark.parametrize("shapes", [FREE, CallShapes(256, False, 256, 4, 4)])
def test_ahead_and_in_blocks_gives_the_same_bits(opened: OpenedModel, shapes: CallShapes) -> None:
    params = SamplingParams(temperature=1.0, seed=3, logprobs=True)
    expected = steps_of(opened, 40, params=params)
    found = steps_of(opened, 40, params=params, shapes=shapes, ahead=1)
    for a, b in zip(found, expected, strict=True):
        assert (a == b).all()


def test_a_full_pool_is_said_before_anything_is_launched(opened: OpenedModel) -> None:
    pool = KvPool(opened.layers)
    pool.budget_bytes = (ROWS - 1) * pool.page_bytes
    runner = EagerRunner(opened.tree_model, pool, GREEDY, ATTENTION_MODES["tree"], FREE, RankGroup())
    runner.begin(batch_of(pool))
    with torch.inference_mode():
        with pytest.raises(PoolFullError):
            runner.launch()
        assert (runner.in_flight, pool.bytes_in_use) == (0, 0)
        pool.budget_bytes += pool.page_bytes
        runner.launch()
    assert (runner.collect().tokens == steps_of(opened, 1)[0][0]).all()


def test_random_numbers_are_those_of_their_counters() -> None:
    batch = batch_of(KvPool(open_model(tiny_model("llama")).layers))
    numbers = Uniforms(11, batch)
    steps = 3 * UNIFORM_STEPS
    found = np.stack([numbers.of(step) for step in range(steps)])
    for step in range(steps):
        counters = np.full(ROWS, step + 1)  # the first token was drawn at the end of the prompt
        assert (found[step] == uniforms(11, batch.streams, counters)).all()
