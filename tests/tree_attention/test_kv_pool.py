"""The pool counts its bytes, frees what it is told to free, and keeps what was written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool, LayerShape

CPU = torch.device("cpu")
LAYERS = [LayerShape(2, 8, 8, torch.float32, CPU), LayerShape(1, 16, 4, torch.float32, CPU)]
TOKEN_BYTES = 2 * 16 * 4 + 20 * 4


def test_node_shapes_and_bytes() -> None:
    pool = KvPool(LAYERS)
    node = pool.allocate_node(3, 5)
    assert [tuple(k.shape) for k in node.keys] == [(2, 5, 8), (1, 5, 16)]
    assert [tuple(v.shape) for v in node.values] == [(2, 5, 8), (1, 5, 4)]
    assert pool.bytes_in_use == 5 * TOKEN_BYTES
    pool.free_node(node)
    assert (pool.bytes_in_use, pool.peak_bytes) == (0, 5 * TOKEN_BYTES)


def test_misuse_is_named() -> None:
    pool = KvPool(LAYERS)
    node = pool.allocate_node(0, 1)
    pool.free_node(node)
    with pytest.raises(ValueError, match="freed before"):
        pool.free_node(node)
    with pytest.raises(ValueError, match="at least one token"):
        pool.allocate_node(0, 0)
    with pytest.raises(ValueError, match="branch 0 of the KV pool is not open"):
        pool.close_branch(0)
    with pytest.raises(ValueError, match="0 layers"):
        KvPool([])


@pytest.mark.parametrize("seed", range(5))
def test_random_schedules_stay_within_the_minimum_and_a_page_a_branch(seed: int) -> None:
    draw = np.random.default_rng(seed)
    pool = KvPool(LAYERS, page_tokens=4)
    lengths: dict[int, int] = {}
    nodes = []
    for _ in range(400):
        action = draw.integers(5)
        if action == 0:
            nodes.append(pool.allocate_node(0, int(draw.integers(1, 30))))
        elif action == 1 and nodes:
            pool.free_node(nodes.pop(int(draw.integers(len(nodes)))))
        elif action == 2:
            lengths[pool.open_branch()] = 0
        elif action == 3 and lengths:
            branch = int(draw.choice(list(lengths)))
            pool.close_branch(branch)
            del lengths[branch]
        elif lengths:
            branches = np.array(list(lengths), dtype=np.int64)
            pages, offsets = pool.extend_branches(branches, np.array([lengths[b] for b in branches]))
            assert len(set(zip(pages.tolist(), offsets.tolist(), strict=True))) == len(branches)
            lengths = {b: n + 1 for b, n in lengths.items()}
        minimum = (sum(node.length for node in nodes) + sum(lengths.values())) * TOKEN_BYTES
        assert minimum <= pool.bytes_in_use <= minimum + len(lengths) * 4 * TOKEN_BYTES
        assert pool.open_branches == len(lengths)
    for node in nodes:
        pool.free_node(node)
    for branch in lengths:
        pool.close_branch(branch)
    assert pool.bytes_in_use == 0
    assert (pool.pages.owner == -1).all()


def test_growing_keeps_what_was_written() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    branches = np.array([pool.open_branch() for _ in range(40)], dtype=np.int64)
    places = []
    for length in range(7):  # 40 branches of 7 tokens: 160 pages, so the arena grows twice
        pages, offsets = pool.extend_branches(branches, np.full(40, length))
        for branch, page, offset in zip(branches, pages, offsets, strict=True):
            pool.pages.keys[1][page, :, offset] = float(100 * branch + length)
            places.append((page, offset, float(100 * branch + length)))
    assert len(pool.pages.owner) == 256
    assert pool.reserved_bytes == 256 * 2 * TOKEN_BYTES
    for page, offset, value in places:
        assert (pool.pages.keys[1][page, :, offset] == value).all()


def test_freed_pages_are_used_again_lowest_first() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    branches = np.array([pool.open_branch() for _ in range(3)], dtype=np.int64)
    pages, _ = pool.extend_branches(branches, np.zeros(3, dtype=np.int64))
    assert pages.tolist() == [0, 1, 2]
    pool.close_branch(1)
    assert pool.open_branch() == 1
    pages, _ = pool.extend_branches(np.array([1]), np.array([0]))
    assert pages.tolist() == [1]
