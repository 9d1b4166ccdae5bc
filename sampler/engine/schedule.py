"""Which samples are drawn next, and which nodes are held meanwhile.

Theory of operation. The samples of a call wait in depth-first order of the prompt forest, and are admitted in
that order. So the samples that share a node are decoded one after the other or together: the node is
prefilled when the first of them is admitted, and freed the moment the last of them has ended.

The schedule is a user of each stored node that a waiting sample still needs; an admitted sample uses its path
through its branch of the pool. When memory runs out, nodes that only the schedule uses may be evicted; they
are prefilled again for the samples that wait for them. A sample that is preempted waits again, with the
tokens that it has drawn, and comes before all that were never admitted, because its order is lower.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator

from sampler.engine.samples import PromptNode, Sample, SampleForest
from sampler.engine.stats import EngineStats
from tree_attention import KvPool, PoolFullError


class Schedule:
    """The waiting samples, and the storage of the nodes they need.

    Attributes:
        nodes: all nodes of the call, in depth-first order.
    """

    def __init__(
        self, forest: SampleForest, pool: KvPool, stats: EngineStats, *, suffix_bytes: int = 0
    ) -> None:
        """`suffix_bytes` is the most that one sample's suffix takes."""
        self.nodes = forest.nodes
        self._pool = pool
        self._stats = stats
        self._folds = True  # with which `_folds_fit` counts
        self._folds = self._folds_fit(suffix_bytes)
        self._waiting = [(sample.order, sample) for sample in forest.samples]  # sorted: it is a heap

    @property
    def next_sample(self) -> Sample | None:
        """The sample to be admitted next; None when none waits."""
        return self._waiting[0][1] if self._waiting else None

    def missing_bytes(self, sample: Sample) -> int:
        """Bytes of the nodes on a sample's path that are not stored."""
        return sum(self._bytes(node) for node in sample.leaf.path() if node.storage is None)

    def evictable_bytes(self, sample: Sample) -> int:
        """Bytes of the nodes that may be evicted for a sample: none of them is on its path."""
        return sum(self._bytes(node) for node in self._evictable(sample.leaf.path()))

    def admit(self, *, alone: bool) -> list[PromptNode]:
        """Takes the next sample: allocates what it misses, evicting others if need be, and opens its branch.

        Args:
            alone: no other sample is admitted; then even what is stored of its own path may be evicted.

        Returns:
            The nodes that are new and must be prefilled, in depth-first order.

        Raises:
            PoolFullError: it does not fit; nothing has changed but that nodes may have been evicted.
        """
        sample = self._waiting[0][1]
        fresh = self._make_path(sample, alone)
        heapq.heappop(self._waiting)
        assert sample.leaf.storage is not None  # it has just been allocated
        sample.branch = self._pool.open_branch(sample.leaf.storage)
        for node in sample.leaf.path():
            node.waiting -= 1
            if not node.waiting:
                self._let_go(node)
        return fresh

    def _make_path(self, sample: Sample, alone: bool) -> list[PromptNode]:
        """Allocates the missing nodes of a sample's path, evicting ever more until they fit."""
        shortage = self.missing_bytes(sample) - self._pool.free_node_bytes
        # Free pages can lie so that the arena cannot give them back: then more than the shortage must go.
        for needed, kept in ((shortage, sample), (float("inf"), sample)):
            self.evict(needed, kept)
            try:
                return self._allocate(sample.leaf.path())
            except PoolFullError:
                continue
        if alone:
            self.evict(float("inf"))
            self._pool.trim_arena()  # also where branches of another call are open
        return self._allocate(sample.leaf.path())

    def requeue(self, sample: Sample) -> None:
        """Makes an admitted sample wait again; its pages are freed."""
        for node in sample.leaf.path():
            node.waiting += 1
            if not node.held:
                assert node.storage is not None  # the branch uses it
                self._pool.retain(node.storage)
                node.held = True
        self.release(sample)
        heapq.heappush(self._waiting, (sample.order, sample))

    def release(self, sample: Sample) -> None:
        """Frees what only an admitted sample used: its pages, and nodes that nobody else needs."""
        self._pool.close_branch(sample.branch)
        sample.branch = -1
        for node in sample.leaf.path():
            _forget_if_freed(node)

    def evict(self, needed: float, sample: Sample | None = None) -> bool:
        """Frees nodes that only waiting samples need, those needed last first.

        Args:
            needed: how many bytes are wanted; so much is freed or all that there is.
            sample: whose path is to be kept.

        Returns:
            Whether anything was freed.
        """
        nodes = self._evictable(() if sample is None else sample.leaf.path())
        before = self._stats.evicted_nodes
        while needed > 0 and (node := next(nodes, None)) is not None:
            self._let_go(node)
            self._stats.evicted_nodes += 1
            needed -= self._bytes(node)
        return self._stats.evicted_nodes > before

    def release_all(self) -> None:
        """Frees what the schedule itself uses; nobody waits any more."""
        for node in reversed(self.nodes):
            self._let_go(node)
        self._waiting.clear()

    def _folds_fit(self, suffix_bytes: int) -> bool:
        """Whether nodes may be folded: a folded one takes whole pages, and each sample must fit alone."""
        budget = self._pool.budget_bytes
        if not self._pool.token_bytes or budget is None:
            return bool(self._pool.token_bytes)
        paths = (node.path() for node in self.nodes if node.to_begin)
        return all(sum(map(self._bytes, path)) + suffix_bytes <= budget for path in paths)

    def _readers(self, node: PromptNode) -> int | None:
        return node.samples if self._folds else None

    def _bytes(self, node: PromptNode) -> int:
        return self._pool.node_bytes(node.length, self._readers(node))

    def _allocate(self, path: list[PromptNode]) -> list[PromptNode]:
        """Allocates the missing nodes of a path, all or none."""
        fresh: list[PromptNode] = []
        for node in reversed(path):
            if node.storage is None:
                parent = None if node.parent is None else node.parent.storage
                try:
                    node.storage = self._pool.allocate_node(parent, node.length, readers=self._readers(node))
                except PoolFullError:
                    for made in reversed(fresh):
                        self._let_go(made)
                    raise
                node.held = True
                fresh.append(node)
        return fresh

    def _evictable(self, keep: Collection[PromptNode]) -> Iterator[PromptNode]:
        """Nodes that only the schedule and other such nodes below use, children before their parents."""
        users = {node.index: node.storage.users for node in self.nodes if node.held and node.storage}
        for node in reversed(self.nodes):
            if users.get(node.index) == 1 and node not in keep:
                if node.parent is not None:
                    users[node.parent.index] -= 1
                yield node

    def _let_go(self, node: PromptNode) -> None:
        """The schedule uses a node no longer."""
        if node.held:
            assert node.storage is not None
            node.held = False
            self._pool.release(node.storage)
        _forget_if_freed(node)


def _forget_if_freed(node: PromptNode) -> None:
    if node.storage is not None and not node.storage.users:
        node.storage = node.logits = None
        node.filled = 0
