"""Random forests in a pool, to attend over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import LayerShape, NodeStorage
from tree_attention.plan import NO_BRANCH, AttentionPlan, AttentionStep, PrefillSpan
from tree_attention.prompt_tree import PromptTree

torch.set_num_threads(1)


@dataclass
class Case:
    """A pool, a step over it, and a query for the step."""

    pool: KvPool
    step: AttentionStep
    query: torch.Tensor
    leaves: list[NodeStorage | None] = field(default_factory=list)  # decode: of the rows
    lengths: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # of their suffixes

    def only(self, rows: list[int]) -> Case:
        """The same step for some of the decoding rows."""
        branches = self.step.plan.branches
        assert branches is not None
        plan = AttentionPlan.for_decode([self.leaves[r] for r in rows], branches[rows].tolist())
        positions = self.step.host_positions[rows]
        step = AttentionStep.decode(plan, self.pool, positions, self.lengths[rows])
        return Case(self.pool, step, self.query[rows], [self.leaves[r] for r in rows], self.lengths[rows])


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
    fold: bool = False  # two nodes of three
    device: str = "cpu"
    generator: torch.Generator = field(init=False)
    pool: KvPool = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        shape = LayerShape(self.kv_heads, self.key_dim, self.value_dim, self.dtype, torch.device(self.device))
        self.pool = KvPool([shape], page_tokens=4)

    def integer(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator).to(self.device, self.dtype)

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
            readers = node.count if self.fold and node.index % 3 else None
            nodes.append(self.fill(self.pool.allocate_node(parent, node.length, readers=readers)))
        return nodes

    def fill(self, node: NodeStorage) -> NodeStorage:
        """Random keys and values for a new node."""
        keys = self.normal(node.length, self.kv_heads, self.key_dim)
        node.write(0, 0, keys, self.normal(node.length, self.kv_heads, self.value_dim))
        return node

    def query(self, rows: int) -> torch.Tensor:
        return self.normal(rows, self.kv_heads * self.group, self.key_dim)

    def decode(self, longest_suffix: int = 11) -> Case:
        """A decoding step whose rows have suffixes of 1 to `longest_suffix` tokens.

        Each eighth row has no suffix and asks for the last token of its path; the last two rows are padded.
        """
        tree = self.tree()
        nodes = self.storage(tree)
        leaves = sorted(
            (leaf for leaf in tree.leaves for _ in range(self.integer(1, 3))), key=lambda leaf: leaf.index
        )
        return self.decode_below([*(nodes[leaf.index] for leaf in leaves), None, None], longest_suffix)

    def decode_below(self, leaves: list[NodeStorage | None], longest_suffix: int) -> Case:
        """As `decode`, for given leaves, None for a padded row."""
        bare = np.array([row % 8 == 7 or leaf is None for row, leaf in enumerate(leaves)])
        branches = [
            NO_BRANCH if none else self.pool.open_branch(leaf)
            for leaf, none in zip(leaves, bare, strict=True)
        ]
        plan = AttentionPlan.for_decode(leaves, branches)
        ends = np.array([0 if leaf is None else leaf.end for leaf in leaves], dtype=np.int64)
        final = torch.randint(0, longest_suffix, (len(leaves),), generator=self.generator).numpy()
        final[bare] = 0
        for length in range(longest_suffix):
            self._fill_suffix(plan, np.flatnonzero(final > length), ends, length)
        step = AttentionStep.decode(plan, self.pool, np.maximum(ends + final - bare, 0), final)
        self._write(step)
        return Case(self.pool, step, self.query(plan.rows), leaves, final)

    def prefill(self, chunk: int = 7) -> Case:
        """A prefill of the whole tree in one call, after the first `chunk` tokens of every node."""
        tree = self.tree()
        nodes = self.storage(tree)
        spans = []
        for node in tree:
            spans.append(PrefillSpan(nodes[node.index], min(chunk, node.length - 1), node.length))
        step = AttentionStep.prefill(AttentionPlan.for_prefill(spans), torch.device(self.device))
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
