"""Random forests in a pool, to attend over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool, LayerShape, NodeStorage
from tree_attention.plan import AttentionPlan, AttentionStep, PrefillSpan
from tree_attention.prompt_tree import PromptTree

torch.set_num_threads(1)


@dataclass
class Case:
    """A pool, a step over it, and a query for the step."""

    pool: KvPool
    step: AttentionStep
    query: torch.Tensor


@dataclass
class CaseMaker:
    """Makes cases over random ragged forests. Node lengths, fan-out and suffix lengths all vary."""

    kv_heads: int = 2
    group: int = 2
    key_dim: int = 8
    value_dim: int = 8
    dtype: torch.dtype = torch.float32
    seed: int = 0
    longest: int = 40  # tokens of a node
    generator: torch.Generator = field(init=False)
    pool: KvPool = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        shape = LayerShape(self.kv_heads, self.key_dim, self.value_dim, self.dtype, torch.device("cpu"))
        self.pool = KvPool([shape], page_tokens=4)

    def integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator).to(self.dtype)

    def tree(self) -> PromptTree:
        """Two or three levels below two roots, with a node of one token and a sequence that ends inside."""
        sequences = []
        for root in range(2):
            stem = [root] * self.integer(1, self.longest)
            sequences += [stem, [*stem, 9]]
            for child in range(self.integer(1, 3)):
                middle = [*stem, 2 + child, *[7] * self.integer(0, self.longest)]
                sequences += [
                    [*middle, 5 + leaf, *[3] * self.integer(0, 9)] for leaf in range(self.integer(1, 3))
                ]
        return PromptTree.from_sequences(sequences)

    def storage(self, tree: PromptTree) -> list[NodeStorage]:
        """Storage of all nodes, by index, filled with random numbers."""
        nodes: list[NodeStorage] = []
        for node in tree:
            parent = None if node.parent is None else nodes[node.parent.index]
            nodes.append(self.pool.allocate_node(parent, node.length))
        for node in nodes:
            node.keys[0].copy_(self.normal(*node.keys[0].shape))
            node.values[0].copy_(self.normal(*node.values[0].shape))
        return nodes

    def query(self, rows: int) -> torch.Tensor:
        return self.normal(rows, self.kv_heads * self.group, self.key_dim)

    def decode(self, longest_suffix: int = 11) -> Case:
        """A decoding step whose rows have suffixes of 1 to `longest_suffix` tokens."""
        tree = self.tree()
        nodes = self.storage(tree)
        leaves = sorted(
            (leaf for leaf in tree.leaves for _ in range(self.integer(1, 3))), key=lambda leaf: leaf.index
        )
        below = [nodes[leaf.index] for leaf in leaves]
        plan = AttentionPlan.for_decode(below, [self.pool.open_branch(node) for node in below])
        ends = np.array([leaf.end for leaf in leaves], dtype=np.int64)
        final = torch.randint(0, longest_suffix, (len(leaves),), generator=self.generator).numpy()
        for length in range(longest_suffix):
            active = np.flatnonzero(final > length)
            self._fill_suffix(plan, active, ends, length)
        step = AttentionStep.decode(plan, self.pool, ends + final, final)
        self._write(step)
        return Case(self.pool, step, self.query(plan.rows))

    def prefill(self, chunk: int = 7) -> Case:
        """A prefill of the whole tree in one call, after the first `chunk` tokens of every node."""
        tree = self.tree()
        nodes = self.storage(tree)
        spans = []
        for node in tree:
            spans.append(PrefillSpan(nodes[node.index], min(chunk, node.length - 1), node.length))
        step = AttentionStep.prefill(AttentionPlan.for_prefill(spans), torch.device("cpu"))
        self._write(step)
        return Case(self.pool, step, self.query(step.plan.rows))

    def _fill_suffix(self, plan: AttentionPlan, rows: np.ndarray, ends: np.ndarray, length: int) -> None:
        assert plan.branches is not None
        if len(rows):
            part = AttentionPlan.for_decode([None] * len(rows), plan.branches[rows].tolist())
            self._write(
                AttentionStep.decode(part, self.pool, ends[rows] + length, np.full(len(rows), length))
            )

    def _write(self, step: AttentionStep) -> None:
        rows = step.plan.rows
        keys = self.normal(rows, self.kv_heads, self.key_dim)
        step.write(self.pool, 0, keys, self.normal(rows, self.kv_heads, self.value_dim))


@pytest.fixture
def case_maker() -> Callable[..., CaseMaker]:
    """The class itself: tests cannot import from a conftest."""
    return CaseMaker
