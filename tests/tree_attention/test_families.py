"""Many families on a ragged tree: all logits equal those of eager attention, sequence by sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from tiny_models import TREE_FAMILIES, VOCABULARY, tiny_model
from transformers import PreTrainedModel

from tree_attention import (
    AttentionPlan,
    AttentionStep,
    KvPool,
    Node,
    NodeStorage,
    OpenedModel,
    PoolContext,
    PrefillSpan,
    PromptTree,
    open_model,
)

CHUNK = 9  # tokens of a prefill call; the root and the longest leaf take several
ROW_MULTIPLE = 4  # calls are padded to it


@dataclass(frozen=True)
class Sample:
    """A prompt, and what follows it."""

    prompt: list[int]
    suffix: list[int]


def ragged_samples() -> list[Sample]:
    """Four levels below one root, a node of one token, a chain, prompts that others go on, and a second root.

    Suffixes of 1 to 7 tokens end at different steps; two samples have the same prompt.
    """
    draw = np.random.default_rng(7)

    def tokens(length: int) -> list[int]:
        return draw.integers(1, VOCABULARY, length).tolist()

    root = tokens(13)
    one = [*root, *tokens(1)]  # a node of one token below the root
    chain = [*one, *tokens(4)]
    wide = [*root, *tokens(6)]
    prompts = [
        one,
        chain,
        [*chain, *tokens(3)],
        [*chain, *tokens(19)],
        wide,
        wide,
        [*wide, *tokens(2)],
        tokens(4),
    ]
    lengths = [3, 1, 7, 2, 5, 4, 6, 1]
    return [Sample(prompt, tokens(length)) for prompt, length in zip(prompts, lengths, strict=True)]


@dataclass
class TreeRun:
    """Runs samples on their tree."""

    opened: OpenedModel
    samples: list[Sample]
    pool: KvPool = field(init=False)
    tree: PromptTree = field(init=False)
    storage: dict[Node | None, NodeStorage | None] = field(init=False)

    def __post_init__(self) -> None:
        self.pool = KvPool(self.opened.layers, page_tokens=4)
        self.tree = PromptTree.from_sequences([sample.prompt for sample in self.samples])
        self.storage = {None: None}
        for node in self.tree:
            self.storage[node] = self.pool.allocate_node(self.storage[node.parent], node.length)

    def chunks(self) -> Iterator[list[tuple[Node, int, int]]]:
        """The nodes cut into calls of at most CHUNK tokens: `(node, lo, hi)`."""
        call: list[tuple[Node, int, int]] = []
        room = CHUNK
        for node in self.tree:
            lo = 0
            while lo < node.length:
                hi = min(node.length, lo + room)
                call.append((node, lo, hi))
                room -= hi - lo
                lo = hi
                if not room:
                    yield call
                    call, room = [], CHUNK
        if call:
            yield call

    def prefill(self) -> torch.Tensor:
        """Logits after each sample's prompt, `[samples, vocabulary]`."""
        after: dict[Node, torch.Tensor] = {}
        for call in self.chunks():
            spans = [PrefillSpan(self.storage[node], lo, hi) for node, lo, hi in call]
            plan = AttentionPlan.for_prefill(spans, pad_to=ROW_MULTIPLE)
            tokens = np.zeros(plan.rows, dtype=np.int64)
            used = np.concatenate([node.tokens[lo:hi] for node, lo, hi in call])
            tokens[: len(used)] = used
            logits = self.logits(tokens, AttentionStep.prefill(plan, torch.device("cpu")))
            row = 0
            for node, lo, hi in call:
                row += hi - lo
                after[node] = logits[row - 1]
        return torch.stack([after[leaf] for leaf in self.tree.leaves])

    def decode(self) -> list[torch.Tensor]:
        """Each sample's logits after every token of its suffix, `[suffix, vocabulary]`."""
        found: list[list[torch.Tensor]] = [[] for _ in self.samples]
        rows = sorted(range(len(self.samples)), key=lambda i: self.tree.leaves[i].index)
        branch = {row: self.pool.open_branch(self.storage[self.tree.leaves[row]]) for row in rows}
        for length in range(max(len(sample.suffix) for sample in self.samples)):
            for row in [row for row in rows if len(self.samples[row].suffix) <= length]:
                rows.remove(row)
                self.pool.close_branch(branch[row])
            step = self.decode_step(rows, [branch[row] for row in rows], length)
            tokens = np.zeros(step.plan.rows, dtype=np.int64)
            tokens[: len(rows)] = [self.samples[row].suffix[length] for row in rows]
            logits = self.logits(tokens, step)
            for place, row in enumerate(rows):
                found[row].append(logits[place])
        return [torch.stack(logits) for logits in found]

    def decode_step(self, rows: list[int], branches: list[int], length: int) -> AttentionStep:
        padding = -len(rows) % ROW_MULTIPLE
        leaves = [self.storage[self.tree.leaves[row]] for row in rows] + [None] * padding
        plan = AttentionPlan.for_decode(leaves, [*branches, *[-1] * padding])
        ends = [self.tree.leaves[row].end + length for row in rows] + [0] * padding
        lengths = np.array([length] * len(rows) + [0] * padding, dtype=np.int64)
        return AttentionStep.decode(plan, self.pool, np.array(ends, dtype=np.int64), lengths)

    def logits(self, tokens: np.ndarray, step: AttentionStep) -> torch.Tensor:
        context = PoolContext(self.pool, step)
        return self.opened.tree_model.logits(torch.from_numpy(tokens), step.positions, context)


def eager_logits(model: PreTrainedModel, sample: Sample) -> torch.Tensor:
    """Logits after the prompt and after each token of the suffix, `[1 + suffix, vocabulary]`."""
    assert model.config._attn_implementation == "eager"
    ids = torch.tensor([[*sample.prompt, *sample.suffix]])
    return model(input_ids=ids, use_cache=False).logits[0, len(sample.prompt) - 1 :]


def test_the_tree_is_as_ragged_as_it_should_be() -> None:
    tree = PromptTree.from_sequences([sample.prompt for sample in ragged_samples()])
    assert max(len(tree.path(i)) for i in range(8)) == 4
    assert {node.length for node in tree} >= {1, 13, 19}
    assert len(tree.roots) == 2
    assert any(len(node.children) == 1 for node in tree)


@pytest.mark.parametrize("family", list(TREE_FAMILIES))
@torch.inference_mode()
def test_logits_equal_eager_attention(family: str) -> None:
    model = tiny_model(family)
    samples = ragged_samples()
    run = TreeRun(open_model(model), samples)
    prefilled = run.prefill()
    decoded = run.decode()
    for sample, first, rest in zip(samples, prefilled, decoded, strict=True):
        expected = eager_logits(model, sample)
        assert expected.std(-1).min() > 0.05  # a model that says nothing would agree with anything
        torch.testing.assert_close(torch.cat([first[None], rest]), expected, atol=1e-4, rtol=0)
