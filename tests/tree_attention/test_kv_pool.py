"""The pool counts bytes and users, keeps its budget, frees what nobody uses, keeps what was written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool, PoolFullError
from tree_attention.kv_storage import LayerShape, NodeStorage

CPU = torch.device("cpu")
LAYERS = [LayerShape(2, 8, 8, torch.float32, CPU), LayerShape(1, 16, 4, torch.float32, CPU)]
TOKEN_BYTES = 2 * 16 * 4 + 20 * 4
ZERO = np.zeros(1, dtype=np.int64)


def test_node_shapes_and_bytes() -> None:
    pool = KvPool(LAYERS)
    node = pool.allocate_node(None, 5)
    assert [tuple(k.shape) for k in node.keys] == [(2, 5, 8), (1, 5, 16)]
    assert [tuple(v.shape) for v in node.values] == [(2, 5, 8), (1, 5, 4)]
    assert pool.bytes_in_use == 5 * TOKEN_BYTES
    pool.release(node)
    assert (pool.bytes_in_use, pool.peak_bytes) == (0, 5 * TOKEN_BYTES)
    assert node.keys == node.values == []


def test_a_path_lives_as_long_as_its_last_user() -> None:
    pool = KvPool(LAYERS)
    root = pool.allocate_node(None, 5)
    leaf = pool.allocate_node(root, 3)
    assert (leaf.start, leaf.end, leaf.depth) == (5, 8, 1)
    branch = pool.open_branch(leaf)
    pool.release(root)
    pool.release(leaf)
    assert pool.bytes_in_use == 8 * TOKEN_BYTES
    pool.retain(root)
    pool.close_branch(branch)
    assert pool.bytes_in_use == 5 * TOKEN_BYTES
    pool.release(root)
    assert pool.bytes_in_use == 0


def test_misuse_is_named() -> None:
    pool = KvPool(LAYERS)
    node = pool.allocate_node(None, 1)
    pool.release(node)
    for use in (pool.release, pool.retain, pool.open_branch, lambda node: pool.allocate_node(node, 1)):
        with pytest.raises(ValueError, match="freed before"):
            use(node)
    with pytest.raises(ValueError, match="at least one token"):
        pool.allocate_node(None, 0)
    with pytest.raises(ValueError, match="branch 0 of the KV pool is not open"):
        pool.close_branch(0)
    with pytest.raises(ValueError, match="branch 0 of the KV pool is not open"):
        pool.extend_branches(ZERO, ZERO)
    with pytest.raises(ValueError, match="0 layers"):
        KvPool([])
    with pytest.raises(ValueError, match="-1 bytes"):
        KvPool(LAYERS, budget_bytes=-1)


class _Schedule:
    """Random actions on a pool, and what they should leave in it."""

    def __init__(self, seed: int, budget_tokens: int | None) -> None:
        self.draw = np.random.default_rng(seed)
        self.budget = None if budget_tokens is None else budget_tokens * TOKEN_BYTES
        self.pool = KvPool(LAYERS, page_tokens=4, budget_bytes=self.budget)
        self.held: list[NodeStorage] = []  # by us; a node may be there twice
        self.branches: dict[int, tuple[NodeStorage | None, int]] = {}  # node and length
        self.refusals = 0

    def act(self) -> None:
        action = self.draw.integers(6)
        try:
            getattr(self, ("_node", "_retain", "_release", "_open", "_close", "_extend")[action])()
        except PoolFullError:
            self.refusals += 1

    def some_node(self) -> NodeStorage | None:
        return (
            self.held[self.draw.integers(len(self.held))] if self.held and self.draw.random() < 0.8 else None
        )

    def _node(self) -> None:
        parent, length = self.some_node(), int(self.draw.integers(1, 30))
        readers = (None, 1, 10**6)[self.draw.integers(3)]
        needed = self.pool.node_bytes(length, readers)
        before = self.pool.bytes_in_use
        self.held.append(self.pool.allocate_node(parent, length, readers=readers))
        assert self.pool.bytes_in_use == before + needed

    def _retain(self) -> None:
        node = self.some_node()
        if node is not None:
            self.pool.retain(node)
            self.held.append(node)

    def _release(self) -> None:
        if self.held:
            self.pool.release(self.held.pop(int(self.draw.integers(len(self.held)))))

    def _open(self) -> None:
        node = self.some_node()
        self.branches[self.pool.open_branch(node)] = (node, 0)

    def _close(self) -> None:
        if self.branches:
            branch = int(self.draw.choice(list(self.branches)))
            self.pool.close_branch(branch)
            del self.branches[branch]

    def _extend(self) -> None:
        chosen = [b for b in self.branches if self.draw.random() < 0.7]
        lengths = np.array([self.branches[b][1] for b in chosen], dtype=np.int64)
        pages, offsets = self.pool.extend_branches(np.array(chosen, dtype=np.int64), lengths)
        assert len(set(zip(pages.tolist(), offsets.tolist(), strict=True))) == len(chosen)
        for branch in chosen:
            node, length = self.branches[branch]
            self.branches[branch] = node, length + 1

    def check(self) -> None:
        live: set[NodeStorage] = set()
        for node in [*self.held, *(node for node, _ in self.branches.values())]:
            while node is not None and node not in live:
                live.add(node)
                node = node.parent
        tokens = sum(node.length for node in live) + sum(length for _, length in self.branches.values())
        minimum = tokens * TOKEN_BYTES
        pages = len(self.branches) + sum(node.arena is not None for node in live)
        assert minimum <= self.pool.bytes_in_use <= minimum + pages * self.pool.page_bytes
        assert self.pool.bytes_in_use <= self.pool.reserved_bytes
        assert self.budget is None or self.pool.reserved_bytes <= self.budget
        assert self.pool.open_branches == len(self.branches)

    def end(self) -> None:
        for node in self.held:
            self.pool.release(node)
        for branch in self.branches:
            self.pool.close_branch(branch)


@pytest.mark.parametrize("budget_tokens", [None, 200])
@pytest.mark.parametrize("seed", range(4))
def test_random_schedules_stay_within_the_minimum_and_a_page_a_branch(
    seed: int, budget_tokens: int | None
) -> None:
    schedule = _Schedule(seed, budget_tokens)
    for _ in range(300):
        schedule.act()
        schedule.check()
    assert (schedule.refusals > 0) == (budget_tokens is not None)
    schedule.end()
    assert schedule.pool.bytes_in_use == 0
    assert (schedule.pool.pages.owner == -1).all()


def test_a_folded_node_keeps_what_was_written_while_the_arena_grows() -> None:
    pool = KvPool(LAYERS, page_tokens=4)
    node = pool.allocate_node(None, 10, readers=1)
    assert (node.keys, len(node.pages), pool.bytes_in_use) == ([], 3, 3 * pool.page_bytes)
    keys, values = torch.randn(10, 2, 8), torch.randn(10, 2, 8)
    node.write(0, 0, keys[:7], values[:7])
    node.write(0, 7, keys[7:], values[7:])
    pool.reserve_pages(1000)
    found = node.read(0, 2, 9)
    assert torch.equal(found[0], keys[2:9].transpose(0, 1))
    assert torch.equal(found[1], values[2:9].transpose(0, 1))
    pool.release(node)
    assert pool.bytes_in_use == 0


def test_a_refusal_changes_nothing_and_room_made_is_room_found() -> None:
    page = 4 * TOKEN_BYTES
    pool = KvPool(LAYERS, page_tokens=4, budget_bytes=10 * page)
    node = pool.allocate_node(None, 6 * 4)
    branches = np.array([pool.open_branch(node) for _ in range(5)], dtype=np.int64)
    with pytest.raises(PoolFullError, match=f"5 suffix pages more need {5 * page} bytes"):
        pool.extend_branches(branches, np.zeros(5, dtype=np.int64))
    assert pool.bytes_in_use == 6 * page
    pool.extend_branches(branches[:4], np.zeros(4, dtype=np.int64))
    assert pool.free_bytes == 0
    with pytest.raises(PoolFullError, match=f"a node of 1 tokens needs {TOKEN_BYTES} bytes"):
        pool.allocate_node(node, 1)
    pool.close_branch(int(branches[3]))  # the arena's last page: it is given back for the node
    assert pool.allocate_node(node, 4).parent is node
    assert pool.reserved_bytes == 10 * page
    with pytest.raises(PoolFullError, match="an arena of 4 suffix pages"):
        pool.reserve_pages(4)


def test_a_step_that_is_tried_again_takes_no_second_page() -> None:
    pool = KvPool(LAYERS, page_tokens=4)
    branches = np.array([pool.open_branch(None)], dtype=np.int64)
    first = pool.extend_branches(branches, ZERO)
    assert [a.tolist() for a in pool.extend_branches(branches, ZERO)] == [a.tolist() for a in first]
    assert pool.branch_pages(0) == [0]
    assert pool.bytes_in_use == pool.page_bytes


def test_growing_keeps_what_was_written() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    branches = np.array([pool.open_branch(None) for _ in range(40)], dtype=np.int64)
    places = []
    for length in range(7):  # 40 branches of 7 tokens: 160 pages, so the arena grows twice
        pages, offsets = pool.extend_branches(branches, np.full(40, length))
        for branch, page, offset in zip(branches, pages, offsets, strict=True):
            pool.pages.keys[1][page, :, offset] = float(100 * branch + length)
            places.append((page, offset, float(100 * branch + length)))
    assert pool.pages.capacity == 256
    assert pool.reserved_bytes == 256 * 2 * TOKEN_BYTES
    for page, offset, value in places:
        assert (pool.pages.keys[1][page, :, offset] == value).all()


def test_a_reserved_arena_stays_where_it_is() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    pool.reserve_pages(100)
    address = pool.pages.keys[0].data_ptr()
    branches = np.array([pool.open_branch(None) for _ in range(100)], dtype=np.int64)
    pool.extend_branches(branches, np.zeros(100, dtype=np.int64))
    assert pool.pages.keys[0].data_ptr() == address
    assert pool.pages.capacity == 100


def test_freed_pages_are_used_again_lowest_first() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    branches = np.array([pool.open_branch(None) for _ in range(3)], dtype=np.int64)
    pages, _ = pool.extend_branches(branches, np.zeros(3, dtype=np.int64))
    assert pages.tolist() == [0, 1, 2]
    pool.close_branch(1)
    assert pool.open_branch(None) == 1
    pages, _ = pool.extend_branches(np.array([1]), np.array([0]))
    assert pages.tolist() == [1]


@pytest.mark.parametrize("keep_arena", [False, True])
def test_an_arena_gives_back_free_pages_unless_it_is_to_stay(keep_arena: bool) -> None:
    page = 4 * TOKEN_BYTES
    pool = KvPool(LAYERS, page_tokens=4, budget_bytes=10 * page, keep_arena=keep_arena)
    pool.reserve_pages(8)
    address = pool.pages.keys[0].data_ptr()
    branch = pool.open_branch(None)
    pool.extend_branches(np.array([branch]), ZERO)
    assert (pool.free_bytes, pool.free_node_bytes) == (9 * page, (2 if keep_arena else 9) * page)
    pool.release(pool.allocate_node(None, 2 * 4))  # beside the arena
    assert pool.pages.keys[0].data_ptr() == address
    if keep_arena:
        with pytest.raises(PoolFullError, match="a node of 12 tokens"):
            pool.allocate_node(None, 3 * 4)
        assert pool.pages.keys[0].data_ptr() == address
        pool.close_branch(branch)
        assert pool.free_node_bytes == 10 * page
    pool.allocate_node(None, 9 * 4)
    assert pool.pages.capacity == (0 if keep_arena else 1)


def test_what_is_given_back_is_counted() -> None:
    pool = KvPool(LAYERS)
    root = pool.allocate_node(None, 2)
    branch = pool.open_branch(pool.allocate_node(root, 2))
    pool.retain(root)
    pool.release(root)
    assert pool.frees == 0  # nothing was freed
    pool.close_branch(branch)
    assert pool.frees == 1


def test_free_pages_are_cleared_and_no_others() -> None:
    pool = KvPool(LAYERS, page_tokens=2)
    branches = np.array([pool.open_branch(None) for _ in range(3)], dtype=np.int64)
    with torch.inference_mode():  # as the engine makes its arena
        pool.extend_branches(branches, np.zeros(3, dtype=np.int64))
        for tensor in (*pool.pages.keys, *pool.pages.values):
            tensor.fill_(float("inf"))
    pool.close_branch(1)
    pool.clear_free_pages()
    for tensor in (*pool.pages.keys, *pool.pages.values):
        assert tensor[[0, 2]].isinf().all()
        assert not tensor[1].any()
        assert not tensor[3:].any()
