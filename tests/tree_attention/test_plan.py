"""Plans: each row reads every node of its path exactly once, and shared nodes are read by intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool, LayerShape, NodeStorage
from tree_attention.plan import AttentionPlan, AttentionStep, PrefillSpan

CPU = torch.device("cpu")


def node(start: int, length: int) -> NodeStorage:
    return NodeStorage(start, length, [], [])


def reads(plan: AttentionPlan, row: int) -> list[NodeStorage]:
    return [
        part.node for part in sorted(plan.parts, key=lambda p: p.slot) if part.row_lo <= row < part.row_hi
    ]


def test_decode_reads_each_path_once_and_shared_nodes_together() -> None:
    root, left, right, deep = node(0, 10), node(10, 3), node(10, 4), node(13, 2)
    paths = [(root,), (root, left), (root, left, deep), (root, left, deep), (root, right), (), (root,)]
    plan = AttentionPlan.for_decode(paths, range(7))
    for row, path in enumerate(paths):
        assert reads(plan, row) == list(path)
    intervals = sorted((p.row_lo, p.row_hi, p.node.length) for p in plan.parts)
    assert intervals == [(0, 5, 10), (1, 4, 3), (2, 4, 2), (4, 5, 4), (6, 7, 10)]
    assert plan.slots == 3
    assert plan.shared_reads == 4 * 10 + 2 * 3 + 2


def test_prefill_of_a_path_in_one_call() -> None:
    root, leaf = node(0, 4), node(4, 3)
    plan = AttentionPlan.for_prefill([PrefillSpan((root,), 1, 4), PrefillSpan((root, leaf), 0, 3)])
    found = sorted((p.slot, p.row_lo, p.row_hi, p.kv_lo, p.kv_hi, p.causal) for p in plan.parts)
    assert found == [
        (0, 0, 3, 0, 1, False),  # the root's token of an earlier call
        (0, 3, 6, 0, 4, False),  # the root, for the leaf
        (1, 0, 3, 1, 4, True),
        (1, 3, 6, 0, 3, True),
    ]
    step = AttentionStep.prefill(plan, CPU)
    assert step.positions.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("lo", "hi"), [(0, 0), (-1, 2), (2, 6)])
def test_spans_outside_their_node_are_refused(lo: int, hi: int) -> None:
    with pytest.raises(ValueError, match="not a span of a node of 5"):
        AttentionPlan.for_prefill([PrefillSpan((node(0, 5),), lo, hi)])


def test_decode_needs_branches() -> None:
    with pytest.raises(ValueError, match="one branch for each path"):
        AttentionPlan.for_decode([()], [])
    pool = KvPool([LayerShape(1, 2, 2, torch.float32, CPU)])
    plan = AttentionPlan.for_prefill([PrefillSpan((node(0, 1),), 0, 1)])
    with pytest.raises(ValueError, match="for_decode"):
        AttentionStep.decode(plan, pool, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))


def test_step_of_a_few_among_many_branches_picks_their_pages() -> None:
    pool = KvPool([LayerShape(1, 2, 2, torch.float32, CPU)], page_tokens=4)
    branches = np.array([pool.open_branch() for _ in range(20)], dtype=np.int64)
    for length in range(5):
        pool.extend_branches(branches, np.full(20, length))
    few = branches[[3, 11]]
    plan = AttentionPlan.for_decode([(), ()], few)
    step = AttentionStep.decode(plan, pool, np.array([105, 205]), np.array([5, 5]))
    suffix = step.suffix
    assert suffix is not None
    assert isinstance(suffix.pages, torch.Tensor)  # 4 pages of 40
    assert suffix.row.tolist() == [0, 1, 0, 1]
    assert (~suffix.hidden).sum(1).tolist() == [4, 4, 2, 2]
    assert suffix.positions[:, 0].tolist() == [100, 200, 104, 204]


def test_write_puts_tokens_where_the_reference_finds_them(case_maker: Callable[..., Any]) -> None:
    case = case_maker(seed=3).prefill()
    row = 0
    keys = torch.arange(case.step.plan.rows).float()[:, None, None].expand(-1, 2, 8)
    case.step.write(case.pool, 0, keys, keys)
    for span in case.step.plan.spans:
        size = span.hi - span.lo
        assert span.node.keys[0][1, span.lo : span.hi, 0].tolist() == list(range(row, row + size))
        row += size
