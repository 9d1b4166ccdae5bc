"""Static steps with their kernels: on a GPU also captured, elsewhere in Triton's interpreter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from tiny_models import tiny_model
from transformers import LlamaConfig, LlamaForCausalLM

from sampler.core import SamplingParams
from sampler.engine.call_shapes import FREE
from sampler.engine.graph_runner import GraphRunner
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.runner import Batch, DecodeRunner, EagerRunner, StepResult
from sampler.engine.step_cache import MOST_STEPS, StepCache, StepKey, row_bucket
from sampler.engine.tensor_parallel import ONE_RANK
from tree_attention import AttentionPlan, KvPool, NodeStorage, OpenedModel, open_model
from tree_attention.plan import NO_BRANCH
from tree_attention.triton_backend import DevicePlan

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
needs_gpu = pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a CUDA device")
CAPTURES = [False, pytest.param(True, marks=[pytest.mark.gpu, needs_gpu])]
TREE = ATTENTION_MODES["tree"]
PARAMS = SamplingParams(max_new_tokens=12, temperature=0.9, top_p=1.0, seed=5, logprobs=True)


@pytest.fixture(scope="module")
def opened() -> OpenedModel:
    """One layer: the interpreter is slow."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=61,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        initializer_range=0.4,
        bos_token_id=None,
        eos_token_id=None,
    )
    return open_model(LlamaForCausalLM(config).eval().to(DEVICE))


@dataclass
class Rows:
    """A pool with a root and two nodes below it, all random, and one runner over it."""

    pool: KvPool
    nodes: list[NodeStorage]
    runner: DecodeRunner
    steps: StepCache | None = None

    @classmethod
    def of(cls, opened: OpenedModel, params: SamplingParams, capture: bool | None) -> Rows:
        """`capture`: None for the eager runner."""
        pool = KvPool(opened.layers, page_tokens=2)
        nodes: list[NodeStorage] = []
        generator = torch.Generator().manual_seed(1)
        for length in (9, 3, 1):
            nodes.append(pool.allocate_node(nodes[0] if nodes else None, length))
            for tensor in (*nodes[-1].keys, *nodes[-1].values):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
        pool.reserve_pages(16)
        if capture is None:
            model = opened.tree_model
            return cls(pool, nodes, EagerRunner(model, pool, params, TREE, FREE, ONE_RANK))
        steps = StepCache(opened, pool, TREE, capture=capture)
        return cls(pool, nodes, GraphRunner(steps, params, FREE), steps)

    def open(self, *nodes: int) -> list[tuple[NodeStorage, int]]:
        return [(self.nodes[node], self.pool.open_branch(self.nodes[node])) for node in nodes]

    def begin(
        self, rows: list[tuple[NodeStorage, int]], tokens: list[int], lengths: list[int], known: Any = None
    ) -> None:
        ends = np.array([node.end for node, _ in rows], dtype=np.int64)
        fed = np.array(lengths, dtype=np.int64)
        branches = np.array([branch for _, branch in rows], dtype=np.int64)
        streams = np.array([branches, branches + 1, branches + 2]).astype(np.uint64)
        known = {row: np.array(some, dtype=np.int64) for row, some in (known or {}).items()}
        leaves = [node for node, _ in rows]
        newest = np.array(tokens, dtype=np.int64)
        self.runner.begin(Batch(leaves, branches, newest, ends + fed, fed, streams, known))

    def steps_taken(self, steps: int) -> Iterator[StepResult]:
        """So many steps, launched ahead as the runner wants them."""
        for step in range(steps):
            while self.runner.in_flight <= min(self.runner.ahead, steps - 1 - step):
                self.runner.launch()
            yield self.runner.collect()


def story(rows: Rows) -> list[StepResult]:
    """Steps over page borders, known tokens, a row that leaves, one that comes, and a moved arena."""
    first, second, third = rows.open(1, 2, 2)
    rows.begin([first, second, third], [4, 5, 6], [0, 0, 0], known={1: [7, 8]})
    results = list(rows.steps_taken(3))
    rows.pool.close_branch(first[1])
    newest = results[-1].tokens[1:].tolist()
    (fourth,) = rows.open(0)  # gets the first one's pages
    rows.begin([fourth, second, third], [9, *newest], [0, 3, 3])
    results += rows.steps_taken(2)
    rows.pool.reserve_pages(rows.pool.pages.capacity + 1)  # amid a block of numbers
    results += rows.steps_taken(2)
    return results


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("params", [PARAMS, SamplingParams(max_new_tokens=12, temperature=0.0)])
def test_the_same_as_eager_steps(opened: OpenedModel, params: SamplingParams, capture: bool) -> None:
    with torch.inference_mode():
        expected = story(Rows.of(opened, params, None))
    found = story(Rows.of(opened, params, capture))
    assert [result.tokens[1] for result in found[:2]] == [7, 8]
    for one, other in zip(found, expected, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        if params.logprobs:
            drawn = np.ones(3, dtype=bool)
            drawn[1] = one is not found[0] and one is not found[1]  # of known tokens they mean nothing
            np.testing.assert_allclose(one.logprobs[drawn], other.logprobs[drawn], atol=1e-5)
        else:
            assert one.logprobs is None


def key(rows: int = 4, **params: Any) -> StepKey:
    return StepKey.of(0, rows, replace(PARAMS, **params))


def plan_of(rows: Rows, count: int) -> AttentionPlan:
    return AttentionPlan.for_decode([rows.nodes[1]] * count, [NO_BRANCH] * count)


def test_which_steps_are_used_again(opened: OpenedModel) -> None:
    rows = Rows.of(opened, PARAMS, False)
    steps = rows.steps
    assert steps is not None
    first = steps.find(key(), plan_of(rows, 4), row_pages=6)
    assert steps.find(key(seed=9, max_new_tokens=99, stop=("x",)), plan_of(rows, 4), 6) is first
    assert steps.find(key(), plan_of(rows, 4), row_pages=4) is first
    assert steps.find(key(), plan_of(rows, 4), row_pages=2) is not first
    assert steps.find(key(), plan_of(rows, 4), row_pages=7) is not first
    assert steps.find(key(top_k=8), plan_of(rows, 4), row_pages=6) is not first
    assert steps.find(key(rows=2), plan_of(rows, 2), row_pages=6) is not first
    assert len(steps) == 5
    for top_k in range(20, 20 + MOST_STEPS):
        steps.find(key(top_k=top_k), plan_of(rows, 4), row_pages=6)
    assert len(steps) == MOST_STEPS
    assert steps.find(key(), plan_of(rows, 4), row_pages=6) is not first
    rows.pool.reserve_pages(rows.pool.pages.capacity + 1)
    steps.find(key(), plan_of(rows, 4), row_pages=6)
    assert len(steps) == 1  # the others would write where the arena was


@pytest.mark.parametrize(("mode", "lanes"), [("tree", 32), ("per_sequence", 16)])
def test_what_is_counted_and_what_is_made_have_the_same_tiles(
    opened: OpenedModel, mode: str, lanes: int
) -> None:
    """Small ones where rows read each for itself, however many they are."""
    rows = Rows.of(opened, PARAMS, False)
    steps = StepCache(opened, rows.pool, ATTENTION_MODES[mode], capture=False)
    plan = AttentionPlan.for_decode(
        [rows.nodes[1]] * 48, [NO_BRANCH] * 48, share_reads=steps.mode.shares_reads
    )
    made = steps.find(key(rows=48), plan, row_pages=1).step.plan
    tiles = [cast(DevicePlan, one)._tile for one in (made, steps._probes[48])]
    assert [tile.lanes for tile in tiles] == [lanes] * 2


def test_a_row_that_outgrows_its_pages_goes_on(opened: OpenedModel) -> None:
    params = replace(PARAMS, max_new_tokens=1, temperature=0.0)
    sides = [Rows.of(opened, params, None), Rows.of(opened, params, False)]
    tokens = []
    for rows in sides:
        rows.begin(rows.open(2), [3], [0])
        with torch.inference_mode():
            tokens.append([int(result.tokens[0]) for result in rows.steps_taken(5)])
    assert tokens[0] == tokens[1]


def test_buckets() -> None:
    buckets = [row_bucket(rows) for rows in range(1, 1025)]
    assert buckets == sorted(buckets)
    assert all(bucket >= rows for rows, bucket in enumerate(buckets, 1))
    assert max(1 - rows / bucket for rows, bucket in enumerate(buckets, 1)) <= 3 / 8
    some = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320]
    assert [row_bucket(rows) for rows in some] == some
    assert len({*buckets}) == 26


@pytest.mark.gpu
@needs_gpu
def test_a_model_that_cannot_be_captured_decodes_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """Experts that are looped over wait for the device to say which of them were chosen."""
    model = tiny_model("mixtral")
    model.set_experts_implementation("eager")
    opened = open_model(model.to(DEVICE))
    with torch.inference_mode():
        expected = story(Rows.of(opened, PARAMS, None))
    with caplog.at_level(logging.WARNING):
        rows = Rows.of(opened, PARAMS, True)
        found = story(rows)
    assert [result.tokens.tolist() for result in found] == [result.tokens.tolist() for result in expected]
    assert rows.steps is not None
    assert all(one.graph is None for one in rows.steps._steps)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "decoding steps of MixtralForCausalLM are launched kernel by kernel, which is slower"
    ]
