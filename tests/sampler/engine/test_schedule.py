"""Nodes are held exactly while a sample needs them."""

from __future__ import annotations

import pytest
import torch

from sampler.core import Prompt
from sampler.engine.schedule import Schedule
from tree_attention import KvPool, LayerShape

TOKENS = [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 9), (7,)]
TOKEN_BYTES = 8


@pytest.fixture
def pool() -> KvPool:
    return KvPool([LayerShape(1, 1, 1, torch.float32, torch.device("cpu"))])


def schedule_of(pool: KvPool, *samples: int) -> Schedule:
    return Schedule([Prompt(f"p{i}", samples=n) for i, n in enumerate(samples)], TOKENS, pool)


def test_samples_wait_in_depth_first_order(pool: KvPool) -> None:
    schedule = schedule_of(pool, 1, 2, 1, 1)
    order = [(b.prompt.prompt_id, b.sample_index) for b in schedule.take(9)]
    assert order == [("p0", 0), ("p1", 0), ("p1", 1), ("p2", 0), ("p3", 0)]
    assert schedule.take(9) == []


def test_shared_tokens_count_samples_not_prompts(pool: KvPool) -> None:
    shared = {b.prompt.prompt_id: b.shared_prompt_tokens for b in schedule_of(pool, 1, 2, 1, 1).waiting}
    assert shared == {"p0": 3, "p1": 5, "p2": 2, "p3": 0}


def test_nodes_are_allocated_when_begun_and_freed_with_their_last_sample(pool: KvPool) -> None:
    schedule = schedule_of(pool, 1, 2, 1, 1)
    first, second, third, fourth, fifth = schedule.take(9)
    assert [n.tokens.tolist() for n in schedule.allocate_missing([first, second])] == [[1, 2], [3], [4, 5]]
    assert schedule.allocate_missing([third]) == []
    assert [n.tokens.tolist() for n in schedule.allocate_missing([fourth, fifth])] == [[9], [7]]
    assert pool.bytes_in_use == 7 * TOKEN_BYTES
    held = []
    for branch in (second, first, third, fourth, fifth):
        schedule.release(branch)
        held.append(pool.bytes_in_use // TOKEN_BYTES)
    assert held == [7, 7, 4, 1, 0]


def test_paths_run_from_the_root(pool: KvPool) -> None:
    schedule = schedule_of(pool, 0, 1, 0, 0)
    (branch,) = schedule.take(1)
    schedule.allocate_missing([branch])
    assert [(s.start, s.length) for s in schedule.path(branch.leaf)] == [(0, 2), (2, 1), (3, 2)]


def test_release_all(pool: KvPool) -> None:
    schedule = schedule_of(pool, 1, 1, 1, 1)
    schedule.allocate_missing(schedule.take(3))
    schedule.release_all()
    assert pool.bytes_in_use == 0
    assert not schedule.waiting
