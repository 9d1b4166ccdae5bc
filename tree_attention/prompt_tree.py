"""The prompt tree: token sequences merged into a radix tree, so that what they share is one node.

Theory of operation. Each node holds a span of tokens; the tokens of a sequence are the spans along the
path from its root, in order. Two sequences share exactly the nodes of their longest common prefix.
The first sequence that diverges inside a span splits it. Sequences need not share anything (the
"tree" is then a forest), may be equal (they end at the same node) and may be prefixes of each other
(one then ends at an inner node).

The build costs one vectorised comparison per node on the way of each sequence, which is at most the total
number of tokens; nothing here recurses, so a chain of a hundred thousand nodes is as good as any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

TokenArray = npt.NDArray[np.int64]


@dataclass(eq=False)
class Node:
    """A span of tokens that all sequences at or below it have in common."""

    parent: Node | None = field(repr=False)
    start: int  # position of the span's first token in each of its sequences
    tokens: TokenArray = field(repr=False)  # [length], never empty
    children: dict[int, Node] = field(
        default_factory=dict, repr=False
    )  # by first token, in order of appearance
    ending: list[int] = field(default_factory=list)  # indices of the sequences that end with this span
    index: int = -1  # place in the tree's depth-first order
    count: int = 0  # sequences that end here or below

    @property
    def length(self) -> int:
        """Tokens in the span."""
        return len(self.tokens)

    @property
    def end(self) -> int:
        """Position after the span's last token."""
        return self.start + len(self.tokens)

    def path(self) -> tuple[Node, ...]:
        """The nodes from the root down to this one."""
        nodes = [self]
        while nodes[-1].parent is not None:
            nodes.append(nodes[-1].parent)
        return tuple(reversed(nodes))


class PromptTree:
    """A token radix tree over sequences; see the module's text.

    Attributes:
        nodes: every node in depth-first order (a parent before its children, siblings in order of
            first appearance), so that the nodes below any node are one interval.
        roots: the nodes without a parent.
        leaves: for each sequence, the node it ends at.
    """

    def __init__(self, roots: list[Node], leaves: list[Node]) -> None:
        self.roots = roots
        self.leaves = leaves
        self.nodes = list(_depth_first(roots))
        for index, node in enumerate(self.nodes):
            node.index = index
        for node in reversed(self.nodes):  # children come after their parent
            node.count = len(node.ending) + sum(child.count for child in node.children.values())

    @classmethod
    def from_sequences(cls, sequences: Sequence[Sequence[int]]) -> PromptTree:
        """The tree of `sequences`; the i-th of them ends at `leaves[i]`.

        Raises:
            ValueError: a sequence is empty.
        """
        builder = _Builder()
        leaves = [builder.insert(index, tokens) for index, tokens in enumerate(sequences)]
        return cls(list(builder.roots.values()), leaves)

    def __iter__(self) -> Iterator[Node]:
        """The nodes in depth-first order."""
        return iter(self.nodes)

    def __len__(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    @property
    def total_tokens(self) -> int:
        """Tokens over all nodes: what has to be prefilled."""
        return sum(node.length for node in self.nodes)

    def path(self, sequence: int) -> tuple[Node, ...]:
        """The nodes of a sequence, from its root to the node it ends at."""
        return self.leaves[sequence].path()


class _Builder:
    """Inserts sequences one by one."""

    def __init__(self) -> None:
        self.roots: dict[int, Node] = {}  # by first token

    def insert(self, index: int, sequence: Sequence[int]) -> Node:
        tokens: TokenArray = np.asarray(sequence, dtype=np.int64)
        if not tokens.size:
            raise ValueError(f"sequence {index} has no tokens; a sequence needs at least one")
        node: Node | None = None
        at = 0
        while at < len(tokens):
            parent, siblings = node, self.roots if node is None else node.children
            node = siblings.get(int(tokens[at]))
            if node is None:
                node = siblings[int(tokens[at])] = Node(parent, at, tokens[at:])
            same = _common_prefix(node.tokens, tokens[at:])
            if same < node.length:
                node = siblings[int(tokens[at])] = _split(node, same)  # keeps the place among the siblings
            at += same
        assert node is not None  # tokens is not empty, so the loop ran
        node.ending.append(index)
        return node


def _split(node: Node, at: int) -> Node:
    """Cuts `node` after `at` tokens; the upper part is new, so that leaves recorded for `node` stay right."""
    upper = Node(node.parent, node.start, node.tokens[:at], children={int(node.tokens[at]): node})
    node.parent, node.start, node.tokens = upper, node.start + at, node.tokens[at:]
    return upper


def _common_prefix(a: TokenArray, b: TokenArray) -> int:
    size = min(len(a), len(b))
    differs = a[:size] != b[:size]
    first = int(differs.argmax())
    return first if differs.size and differs[first] else size


def _depth_first(roots: list[Node]) -> Iterator[Node]:
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children.values()))
