"""Which samples are drawn next, and which nodes are held meanwhile.

Theory of operation. The samples of a call wait in depth-first order of the prompt tree, and are begun in
that order. So the samples that share a node are begun one after the other: the node is prefilled when the
first of them is begun, and freed the moment the last of them has ended. Rows in the batch, oldest first,
are then in depth-first order too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from sampler.core import Prompt
from tree_attention import KvPool, Node, NodeStorage, PrefillSpan, PromptTree


@dataclass(frozen=True, eq=False)
class Branch:
    """One sample to be drawn."""

    prompt: Prompt
    sample_index: int
    leaf: Node  # where its prompt ends
    shared_prompt_tokens: int


@dataclass(eq=False)
class HeldNode:
    """A node while some sample needs it."""

    users: int  # samples at or below it that wait or are being drawn
    storage: NodeStorage | None = None  # from its prefill on
    logits: torch.Tensor | None = field(default=None, repr=False)  # [vocabulary], after its last token


class Schedule:
    """The waiting samples, and the storage of the nodes they need."""

    def __init__(self, prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]], pool: KvPool) -> None:
        """`tokens[i]` are those of `prompts[i]`."""
        self._pool = pool
        self.tree = PromptTree.from_sequences(tokens)
        self._held = [HeldNode(users=0) for _ in self.tree]
        for index, prompt in enumerate(prompts):
            self._held[self.tree.leaves[index].index].users += len(prompt.sample_indices)
        for node in reversed(self.tree.nodes):
            if node.parent is not None:
                self._held[node.parent.index].users += self._held[node.index].users
        shared = self._shared_tokens()
        self.waiting: deque[Branch] = deque(
            Branch(prompts[sequence], sample_index, node, shared[node.index])
            for node in self.tree
            for sequence in node.ending
            for sample_index in prompts[sequence].sample_indices
        )

    def take(self, most: int) -> list[Branch]:
        """Takes the next samples, at most so many."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def allocate_missing(self, branches: Sequence[Branch]) -> list[Node]:
        """Allocates the nodes that `branches` need and nobody has yet; returns them in depth-first order."""
        missing: dict[int, Node] = {}
        for branch in branches:
            node: Node | None = branch.leaf
            while node is not None and self._held[node.index].storage is None and node.index not in missing:
                missing[node.index] = node
                node = node.parent
        nodes = [missing[index] for index in sorted(missing)]
        for node in nodes:
            parent = None if node.parent is None else self._held[node.parent.index].storage
            self._held[node.index].storage = self._pool.allocate_node(parent, node.length)
        return nodes

    def storage(self, node: Node) -> NodeStorage:
        """The storage of a node that has been allocated."""
        storage = self._held[node.index].storage
        assert storage is not None, "a node is used after it was allocated"
        return storage

    def span(self, node: Node, lo: int, hi: int) -> PrefillSpan:
        """Tokens `[lo, hi)` of `node`, to be prefilled."""
        return PrefillSpan(self.storage(node), lo, hi)

    def keep_logits(self, node: Node, logits: torch.Tensor) -> None:
        """Remembers the logits after a node's last token; samples that begin there draw from them."""
        self._held[node.index].logits = logits

    def logits(self, branches: Sequence[Branch]) -> torch.Tensor:
        """Logits `[branches, vocabulary]` after each one's prompt."""
        return torch.stack([self._logits_of(branch) for branch in branches])

    def release(self, branch: Branch) -> None:
        """Says that a sample has ended; frees the nodes that no other needs."""
        node: Node | None = branch.leaf
        while node is not None:
            held = self._held[node.index]
            held.users -= 1
            if held.users == 0:
                self._free(held)
            node = node.parent

    def release_all(self) -> None:
        """Frees every node, whoever needs it."""
        for node in self.tree:
            self._free(self._held[node.index])
        self.waiting.clear()

    def _logits_of(self, branch: Branch) -> torch.Tensor:
        logits = self._held[branch.leaf.index].logits
        assert logits is not None, "a branch is begun after its prompt was prefilled"
        return logits

    def _free(self, held: HeldNode) -> None:
        if held.storage is not None:
            self._pool.release(held.storage)
        held.storage = held.logits = None

    def _shared_tokens(self) -> list[int]:
        """For each node, how many tokens from the root to its end two samples or more read."""
        shared: list[int] = []
        for node in self.tree:
            above = 0 if node.parent is None else shared[node.parent.index]
            shared.append(above + (node.length if self._held[node.index].users > 1 else 0))
        return shared
