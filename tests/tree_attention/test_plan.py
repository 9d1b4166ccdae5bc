"""Plans: each row reads every node of its path exactly once, and shared nodes are read by intervals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import LayerShape, NodeStorage
from tree_attention.plan import NO_BRANCH, AttentionPlan, AttentionStep, PrefillSpan

CPU = torch.device("cpu")


def node(parent: NodeStorage | None, length: int) -> NodeStorage:
    return NodeStorage(parent, length, [], [])


def path(leaf: NodeStorage | None) -> list[NodeStorage]:
    nodes = []
    while leaf is not None:
        nodes.append(leaf)
        leaf = leaf.parent
    return nodes


def reads(plan: AttentionPlan, row: int) -> list[NodeStorage]:
    return [part.node for part in plan.parts if part.row_lo <= row < part.row_hi]


def test_decode_reads_each_path_once_and_shared_nodes_together() -> None:
    root = node(None, 10)
    left, right = node(root, 3), node(root, 4)
    deep = node(left, 2)
    leaves = [root, left, deep, deep, right, None, root]
    plan = AttentionPlan.for_decode(leaves, range(7))
    for row, leaf in enumerate(leaves):
        assert reads(plan, row) == path(leaf)
    intervals = sorted((p.row_lo, p.row_hi, p.node.length) for p in plan.parts)
    assert intervals == [(0, 5, 10), (1, 4, 3), (2, 4, 2), (4, 5, 4), (6, 7, 10)]
    assert plan.shared_reads == 4 * 10 + 2 * 3 + 2


def test_reads_may_be_left_unshared() -> None:
    root = node(None, 10)
    leaves = [root, root, node(root, 3), None]
    plan = AttentionPlan.for_decode(leaves, range(4), share_reads=False)
    for row, leaf in enumerate(leaves):
        assert reads(plan, row) == path(leaf)
    assert all(part.row_hi == part.row_lo + 1 for part in plan.parts)
    assert plan.shared_reads == 0


@pytest.mark.parametrize("seed", range(5))
def test_random_forests_in_any_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    nodes: list[NodeStorage] = []
    for _ in range(60):
        parent = None if not nodes or draw.random() < 0.1 else nodes[draw.integers(len(nodes))]
        nodes.append(node(parent, int(draw.integers(1, 9))))
    leaves = [nodes[i] for i in draw.integers(0, 60, size=80)]
    plan = AttentionPlan.for_decode(leaves, range(80))
    for row, leaf in enumerate(leaves):
        assert reads(plan, row) == path(leaf)


def test_planning_takes_time_of_nodes_and_rows_not_of_depth_times_rows() -> None:
    """A comb, a chain of 2,000 nodes with a leaf at each: every path whole would be 2 million steps."""
    chain: list[NodeStorage] = []
    for _ in range(2000):
        chain.append(node(chain[-1] if chain else None, 1))
    leaves = [node(tooth, 1) for tooth in chain]
    lines = 0

    def count(_frame: Any, event: str, _arg: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        plan = AttentionPlan.for_decode(leaves, range(2000))
    finally:
        sys.settrace(before)
    assert len(plan.parts) == 4000
    assert lines < 60 * 4000


def test_prefill_of_a_path_in_one_call() -> None:
    root = node(None, 4)
    leaf = node(root, 3)
    plan = AttentionPlan.for_prefill([PrefillSpan(root, 1, 4), PrefillSpan(leaf, 0, 3)], pad_to=4)
    found = sorted((p.row_lo, p.row_hi, p.kv_lo, p.kv_hi, p.causal) for p in plan.parts)
    assert found == [
        (0, 3, 0, 1, False),  # the root's token of an earlier call
        (0, 3, 1, 4, True),
        (3, 6, 0, 3, True),
        (3, 6, 0, 4, False),  # the root, for the leaf
    ]
    step = AttentionStep.prefill(plan, CPU)
    assert step.positions.tolist() == [1, 2, 3, 4, 5, 6, 0, 0]


@pytest.mark.parametrize(("lo", "hi"), [(0, 0), (-1, 2), (2, 6)])
def test_spans_outside_their_node_are_refused(lo: int, hi: int) -> None:
    with pytest.raises(ValueError, match="not a span of a node of 5"):
        AttentionPlan.for_prefill([PrefillSpan(node(None, 5), lo, hi)])


def test_decode_needs_branches() -> None:
    with pytest.raises(ValueError, match="one branch for each path"):
        AttentionPlan.for_decode([None], [])
    pool = KvPool([LayerShape(1, 2, 2, torch.float32, CPU)])
    plan = AttentionPlan.for_prefill([PrefillSpan(node(None, 1), 0, 1)])
    with pytest.raises(ValueError, match="for_decode"):
        AttentionStep.decode(plan, pool, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))


def test_step_of_a_few_among_many_branches_picks_their_pages() -> None:
    pool = KvPool([LayerShape(1, 2, 2, torch.float32, CPU)], page_tokens=4)
    branches = np.array([pool.open_branch(None) for _ in range(20)], dtype=np.int64)
    for length in range(5):
        pool.extend_branches(branches, np.full(20, length))
    plan = AttentionPlan.for_decode([None] * 3, [int(branches[3]), NO_BRANCH, int(branches[11])])
    step = AttentionStep.decode(plan, pool, np.array([105, 0, 205]), np.array([5, 0, 5]))
    suffix = step.suffix
    assert suffix is not None
    layout = suffix.layout
    assert isinstance(layout.pages[0], torch.Tensor)  # 4 pages of 40
    assert layout.row.tolist() == [0, 2, 0, 2]
    assert (layout.order.tolist(), layout.bags.tolist()) == ([0, 2, 1, 3], [0, 2, 2])
    assert layout.writers is not None
    assert layout.writers.tolist() == [0, 2]
    assert (~suffix.hidden).sum(1).tolist() == [4, 4, 2, 2]
    assert suffix.positions[:, 0].tolist() == [100, 200, 104, 204]


def test_the_layout_of_pages_is_made_anew_only_when_they_change_hands() -> None:
    pool = KvPool([LayerShape(1, 2, 2, torch.float32, CPU)], page_tokens=4)
    plan = AttentionPlan.for_decode([None], [pool.open_branch(None)])
    layouts = []
    for length in range(6):
        step = AttentionStep.decode(plan, pool, np.array([length]), np.array([length]))
        assert step.suffix is not None
        layouts.append(step.suffix.layout)
    assert [layout is layouts[0] for layout in layouts] == [True] * 4 + [False] * 2
    assert layouts[4] is layouts[5]


def test_write_puts_tokens_where_the_reference_finds_them(case_maker: Callable[..., Any]) -> None:
    case = case_maker(seed=3).prefill()
    row = 0
    keys = torch.arange(case.step.plan.rows).float()[:, None, None].expand(-1, 2, 8)
    case.step.write(case.pool, 0, keys, keys)
    for span in case.step.plan.spans:
        size = span.hi - span.lo
        assert span.node.keys[0][1, span.lo : span.hi, 0].tolist() == list(range(row, row + size))
        row += size
