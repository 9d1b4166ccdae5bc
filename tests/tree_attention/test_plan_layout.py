"""A plan's list of work: every row meets every token of its path once, in splits that are the nodes' own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tree_attention.kv_storage import NodeStorage
from tree_attention.plan import AttentionPlan
from tree_attention.plan_layout import PlanCapacity, PlanLayout, SplitLengths

SPLITS = SplitLengths(shortest=8, longest=16, aim=2, suffix=4)


@pytest.mark.parametrize("kind", ["decode", "prefill"])
@pytest.mark.parametrize("tile_rows", [1, 3, 100])
def test_each_row_reads_its_path_once_and_in_order(
    case_maker: Callable[..., Any], kind: str, tile_rows: int
) -> None:
    plan = getattr(case_maker(seed=9), kind)().step.plan
    layout = PlanLayout.of(plan, tile_rows, SPLITS)
    for row in range(plan.rows):
        mine = layout.items[(layout.items[:, 3] <= row) & (row < layout.items[:, 4])]
        mine = mine[np.argsort(mine[:, 5])]
        assert mine[:, 5].tolist() == list(range(layout.counts[row]))  # one place for each partial result
        found = [(start + lo, start + hi) for _, lo, hi, _, _, _, start, _ in mine.tolist()]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(found))  # root first
        wanted = sum(p.kv_hi - p.kv_lo for p in plan.parts if p.row_lo <= row < p.row_hi)
        assert sum(hi - lo for lo, hi in found) == wanted


def test_nodes_and_tiles() -> None:
    root = NodeStorage(None, 20, [], [])
    leaf = NodeStorage(root, 3, [], [])
    plan = AttentionPlan.for_decode([root, leaf, leaf, None], [-1, -1, -1, -1])
    layout = PlanLayout.of(plan, 2, SPLITS)
    assert [layout.parts[index].node for index in layout.nodes] == [root, leaf]
    assert layout.counts.tolist() == [2, 3, 3, 0]
    assert layout.items.tolist() == [
        [0, 0, 16, 0, 2, 0, 0, 20],  # the tiles of a split stand together
        [0, 0, 16, 2, 3, 0, 0, 20],
        [0, 16, 20, 0, 2, 1, 0, 20],
        [0, 16, 20, 2, 3, 1, 0, 20],
        [1, 0, 3, 1, 3, 2, 20, 3],
    ]
    assert layout.capacity(7) == PlanCapacity(rows=4, nodes=2, items=5, node_partials=8, row_pages=7)


def test_a_plan_without_nodes_has_no_work() -> None:
    layout = PlanLayout.of(AttentionPlan.for_decode([None], [-1]), 2, SPLITS)
    assert (len(layout.items), layout.nodes, layout.counts.tolist()) == (0, [], [0])


@pytest.mark.parametrize(
    ("tokens", "split"),
    [(1, 512), (4096, 512), (4097, 1024), (16_000, 2048), (32_768, 4096), (100_000, 4096)],
)
def test_long_nodes_have_longer_splits(tokens: int, split: int) -> None:
    assert SplitLengths().of(tokens) == split


def test_capacities() -> None:
    needed = PlanCapacity(rows=5, nodes=1, items=9, node_partials=64, row_pages=3)
    rounded = needed.rounded()
    assert rounded == PlanCapacity(rows=8, nodes=1, items=16, node_partials=64, row_pages=3)
    assert rounded.holds(needed)
    assert not needed.holds(rounded)
    assert PlanCapacity(0, 0, 0, 0, 0).rounded() == PlanCapacity(1, 1, 1, 1, 0)
