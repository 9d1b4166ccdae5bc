"""Samples come in depth-first order; nodes are held while a sample needs them; eviction and requeueing."""

from __future__ import annotations

import pytest
import torch

from sampler.core import Prompt
from sampler.engine.samples import PromptNode, Sample, SampleForest
from sampler.engine.schedule import Schedule
from sampler.engine.stats import EngineStats
from tree_attention import KvPool, LayerShape, PoolFullError

TOKENS = [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 9), (7,)]
TOKEN_BYTES = 8
PAGE_BYTES = 4 * TOKEN_BYTES


@pytest.fixture(autouse=True)
def _unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tree_attention.kv_pool.costs_less_folded", lambda *_: False)


def pool_of(budget_tokens: int | None = None) -> KvPool:
    layer = LayerShape(1, 1, 1, torch.float32, torch.device("cpu"))
    return KvPool(
        [layer], page_tokens=4, budget_bytes=None if budget_tokens is None else budget_tokens * TOKEN_BYTES
    )


def forest_of(*samples: int, shares_below_roots: bool = True) -> SampleForest:
    kept = [(Prompt(f"p{i}", samples=n), TOKENS[i]) for i, n in enumerate(samples) if n]
    prompts, tokens = zip(*kept, strict=True)
    return SampleForest.of(prompts, tokens, shares_below_roots=shares_below_roots)


def schedule_of(pool: KvPool, *samples: int) -> tuple[Schedule, EngineStats]:
    stats = EngineStats()
    return Schedule(forest_of(*samples), pool, stats), stats


def admit(schedule: Schedule, *, alone: bool = False) -> tuple[Sample, list[PromptNode]]:
    sample = schedule.next_sample
    assert sample is not None
    return sample, schedule.admit(alone=alone)


def spans(nodes: list[PromptNode]) -> list[list[int]]:
    return [node.tokens.tolist() for node in nodes]


def test_samples_are_in_depth_first_order() -> None:
    samples = forest_of(1, 2, 1, 1).samples
    order = [(sample.prompt.prompt_id, sample.sample_index) for sample in samples]
    assert order == [("p0", 0), ("p1", 0), ("p1", 1), ("p2", 0), ("p3", 0)]
    assert [sample.order for sample in samples] == [0, 1, 2, 3, 4]


def test_shared_tokens_count_samples_not_prompts() -> None:
    shared = {s.prompt.prompt_id: s.shared_prompt_tokens for s in forest_of(1, 2, 1, 1).samples}
    assert shared == {"p0": 3, "p1": 5, "p2": 2, "p3": 0}


def test_below_roots_nodes_may_be_private() -> None:
    forest = forest_of(1, 2, 1, 1, shares_below_roots=False)
    assert spans(forest.nodes) == [[1, 2], [3], [3, 4, 5], [3, 4, 5], [9], [7]]
    assert [node.index for node in forest.nodes] == list(range(6))
    assert [(sample.leaf.index, sample.leaf.end) for sample in forest.samples] == [
        (1, 3),
        (2, 5),
        (3, 5),
        (4, 3),
        (5, 1),
    ]
    assert [sample.shared_prompt_tokens for sample in forest.samples] == [2, 2, 2, 2, 0]


def test_nodes_are_allocated_when_begun_and_freed_with_their_last_sample() -> None:
    pool = pool_of()
    schedule, _ = schedule_of(pool, 1, 2, 1, 1)
    admitted = [admit(schedule) for _ in range(5)]
    assert [spans(fresh) for _, fresh in admitted] == [[[1, 2], [3]], [[4, 5]], [], [[9]], [[7]]]
    assert schedule.next_sample is None
    held = []
    for index in (2, 1, 0, 3, 4):
        schedule.release(admitted[index][0])
        held.append(pool.bytes_in_use // TOKEN_BYTES)
    assert held == [7, 5, 4, 1, 0]


def test_a_node_is_held_for_those_that_wait() -> None:
    pool = pool_of()
    schedule, _ = schedule_of(pool, 1, 2, 1, 1)
    for left in (3, 5, 2, 0):
        sample, _ = admit(schedule)
        schedule.release(sample)
        assert pool.bytes_in_use // TOKEN_BYTES == left
    schedule.release_all()
    assert schedule.next_sample is None


def test_release_all_frees_what_waiting_samples_hold() -> None:
    pool = pool_of()
    schedule, _ = schedule_of(pool, 1, 1, 1, 1)
    schedule.release(admit(schedule)[0])
    assert pool.bytes_in_use == 3 * TOKEN_BYTES
    schedule.release_all()
    assert pool.bytes_in_use == 0


def test_a_requeued_sample_comes_first_and_keeps_its_nodes() -> None:
    pool = pool_of()
    schedule, stats = schedule_of(pool, 1, 2, 1, 1)
    first, second = admit(schedule)[0], admit(schedule)[0]
    pool.extend_branches(torch.tensor([first.branch]).numpy(), torch.zeros(1, dtype=torch.int64).numpy())
    assert pool.bytes_in_use == 5 * TOKEN_BYTES + PAGE_BYTES
    schedule.requeue(first)
    assert pool.bytes_in_use == 5 * TOKEN_BYTES
    schedule.release(second)
    assert schedule.next_sample is first
    assert admit(schedule) == (first, [])
    assert stats.evicted_nodes == 0


def test_eviction_takes_what_only_waiting_samples_need_the_last_first() -> None:
    pool = pool_of()
    schedule, stats = schedule_of(pool, 1, 2, 1, 1)
    samples = [admit(schedule)[0] for _ in range(2)]
    assert not schedule.evict(1)  # all that is stored is read
    schedule.requeue(samples[1])
    schedule.requeue(samples[0])
    assert schedule.evictable_bytes(samples[0]) == 2 * TOKEN_BYTES
    assert schedule.missing_bytes(samples[1]) == 0
    assert schedule.evict(1)
    assert (pool.bytes_in_use, stats.evicted_nodes) == (3 * TOKEN_BYTES, 1)
    assert schedule.missing_bytes(samples[1]) == 2 * TOKEN_BYTES
    assert schedule.evict(3 * TOKEN_BYTES)
    assert (pool.bytes_in_use, stats.evicted_nodes) == (0, 3)
    sample, fresh = admit(schedule)
    assert (sample, spans(fresh)) == (samples[0], [[1, 2], [3]])


def test_what_does_not_fit_changes_nothing_but_evicts() -> None:
    pool = pool_of(budget_tokens=5)
    schedule, stats = schedule_of(pool, 0, 1, 1, 1)
    first, _ = admit(schedule)  # takes all five tokens
    with pytest.raises(PoolFullError):
        schedule.admit(alone=False)
    assert pool.bytes_in_use == 5 * TOKEN_BYTES
    schedule.release(first)  # the root stays, for the second
    second, fresh = admit(schedule)
    assert spans(fresh) == [[9]]
    assert stats.evicted_nodes == 0
    schedule.requeue(second)
    assert schedule.next_sample is second


def test_nodes_are_not_folded_where_a_sample_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tree_attention.kv_pool.costs_less_folded", lambda *_: True)
    for budget, folded in ((13, False), (16, True)):  # 5 tokens in 3 nodes, of which each takes a page
        pool = pool_of(budget_tokens=budget)
        schedule = Schedule(forest_of(1, 1, 1, 1), pool, EngineStats(), suffix_bytes=4 * TOKEN_BYTES)
        sample, _ = admit(schedule)
        assert sample.leaf.storage is not None
        assert (sample.leaf.storage.arena is not None) == folded
        schedule.release(sample)
        schedule.release_all()
        assert pool.bytes_in_use == 0
