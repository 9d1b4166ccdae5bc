"""The samples of a call and the forest of prompt nodes that they hang on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import Completion, FinishReason, Prompt
from sampler.engine.philox import stream_words
from tree_attention import Node, NodeStorage, PromptTree
from tree_attention.kv_storage import IntArray


@dataclass(eq=False)
class PromptNode:
    """A span of prompt tokens, while some sample needs it."""

    index: int  # among all nodes of the call: depth first
    parent: PromptNode | None = field(repr=False)
    tokens: IntArray = field(repr=False)
    end: int  # position after its last token
    samples: int = 0  # at or below it
    waiting: int = 0  # of those, how many wait
    to_begin: int = 0  # samples that end here and have not drawn their first token
    storage: NodeStorage | None = None
    held: bool = False  # whether the schedule is a user of the storage
    filled: int = 0  # tokens whose keys and values are in the storage
    logits: torch.Tensor | None = field(default=None, repr=False)  # [vocabulary], after its last token

    @property
    def length(self) -> int:
        """Tokens in the span."""
        return len(self.tokens)

    @property
    def ready(self) -> bool:
        """Whether the whole node has been prefilled; then so have those above it."""
        return self.storage is not None and self.filled == self.length

    def path(self) -> list[PromptNode]:
        """The nodes from this one up to its root."""
        nodes = [self]
        while nodes[-1].parent is not None:
            nodes.append(nodes[-1].parent)
        return nodes


@dataclass(eq=False)
class Sample:
    """One sample, from its waiting to its end. While it is decoded, the row table holds its tokens."""

    order: int  # among all samples of the call: depth first
    prompt: Prompt = field(repr=False)
    sample_index: int
    leaf: PromptNode
    shared_prompt_tokens: int
    stream: tuple[int, int, int] = field(repr=False)  # of its random numbers
    branch: int = -1  # of the pool, once it is admitted
    began: float = 0.0  # seconds, of time.perf_counter; set with its first token
    # what it had drawn when it was preempted
    tokens: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64), repr=False)
    logprobs: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    def completion(self, text: str, reason: FinishReason, seconds: float) -> Completion:
        """The completion, of `tokens` and `logprobs` as they are now."""
        logprobs = None if self.logprobs is None else tuple(self.logprobs.tolist())
        return Completion(
            prompt_id=self.prompt.prompt_id,
            sample_index=self.sample_index,
            token_ids=tuple(self.tokens.tolist()),
            text=text,
            finish_reason=reason,
            prompt_tokens=self.leaf.end,
            shared_prompt_tokens=self.shared_prompt_tokens,
            seconds=seconds,
            logprob=None if logprobs is None else math.fsum(logprobs),
            token_logprobs=logprobs,
        )


@dataclass(frozen=True, eq=False)
class SampleForest:
    """All nodes, and all samples, each in depth-first order."""

    nodes: list[PromptNode]
    samples: list[Sample]

    @classmethod
    def of(
        cls, prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]], *, shares_below_roots: bool = True
    ) -> SampleForest:
        """The forest of prompts that draw a sample at least; `tokens[i]` are those of `prompts[i]`.

        Args:
            prompts: which samples to draw.
            tokens: of the prompts.
            shares_below_roots: False gives what follows the root to each sample as a node of its own.
        """
        tree = PromptTree.from_sequences(tokens)
        nodes: list[PromptNode] = []
        leaves = _shared_leaves(tree, nodes) if shares_below_roots else _private_leaves(tree, nodes, tokens)
        samples = [
            Sample(-1, prompts[i], index, leaves(i), 0, stream_words(prompts[i].prompt_id, index))
            for node in tree
            for i in node.ending
            for index in prompts[i].sample_indices
        ]
        for order, sample in enumerate(samples):
            sample.order = order
            sample.leaf.to_begin += 1
            for node in sample.leaf.path():
                node.samples += 1
                node.waiting += 1
        for sample in samples:
            sample.shared_prompt_tokens = sum(n.length for n in sample.leaf.path() if n.samples > 1)
        return cls(nodes, samples)


def _shared_leaves(tree: PromptTree, nodes: list[PromptNode]) -> Callable[[int], PromptNode]:
    """Appends the nodes of the tree; gives each sequence's leaf."""
    for node in tree:
        parent = None if node.parent is None else nodes[node.parent.index]
        nodes.append(PromptNode(node.index, parent, node.tokens, node.end))
    return lambda sequence: nodes[tree.leaves[sequence].index]


def _private_leaves(
    tree: PromptTree, nodes: list[PromptNode], tokens: Sequence[Sequence[int]]
) -> Callable[[int], PromptNode]:
    """Gives each sequence, whenever it is asked, a leaf of its own below its root; appends what it makes."""
    roots: dict[Node, PromptNode] = {}

    def add(parent: PromptNode | None, span: IntArray) -> PromptNode:
        end = len(span) if parent is None else parent.end + len(span)
        nodes.append(PromptNode(len(nodes), parent, span, end))
        return nodes[-1]

    def leaf(sequence: int) -> PromptNode:
        root = tree.path(sequence)[0]
        if root not in roots:
            roots[root] = add(None, root.tokens)
        rest: IntArray = np.asarray(tokens[sequence], dtype=np.int64)[root.length :]
        return add(roots[root], rest) if rest.size else roots[root]

    return leaf
