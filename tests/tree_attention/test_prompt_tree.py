"""The tree holds exactly the sequences it was made of, and shares exactly their common prefixes."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from tree_attention import PromptTree


def random_sequences(seed: int) -> list[list[int]]:
    """Over two letters, so that nearly everything is shared, split or a prefix of something."""
    draw = random.Random(seed)
    return [[draw.randrange(2) for _ in range(draw.randint(1, 9))] for _ in range(draw.randint(1, 40))]


@pytest.mark.parametrize("seed", range(20))
def test_paths_spell_the_sequences(seed: int) -> None:
    sequences = random_sequences(seed)
    tree = PromptTree.from_sequences(sequences)
    for index, sequence in enumerate(sequences):
        path = tree.path(index)
        assert np.concatenate([node.tokens for node in path]).tolist() == sequence
        assert [node.start for node in path] == [0, *itertools.accumulate(node.length for node in path)][:-1]
        assert path[-1].end == len(sequence)
        assert index in tree.leaves[index].ending


@pytest.mark.parametrize("seed", range(20))
def test_every_shared_prefix_is_shared_and_nothing_else(seed: int) -> None:
    sequences = random_sequences(seed)
    tree = PromptTree.from_sequences(sequences)
    distinct_prefixes = {tuple(s[:n]) for s in sequences for n in range(1, len(s) + 1)}
    assert tree.total_tokens == len(distinct_prefixes)  # a trie has one position for each distinct prefix
    for node in tree:
        assert node.length >= 1
        # A node that only continues its parent's only child would be one node with it.
        assert node.parent is None or len(node.parent.children) > 1 or node.parent.ending


@pytest.mark.parametrize("seed", range(20))
def test_depth_first_order_makes_subtrees_intervals(seed: int) -> None:
    tree = PromptTree.from_sequences(random_sequences(seed))
    assert [node.index for node in tree] == list(range(len(tree)))
    for node in tree:
        below = [other.index for other in tree if node in other.path()]
        assert below == list(range(node.index, node.index + len(below)))
        assert node.count == sum(node in tree.leaves[s].path() for s in range(len(tree.leaves)))


def test_equal_sequences_end_at_one_node() -> None:
    tree = PromptTree.from_sequences([[1, 5, 9], [1, 5, 7, 7], [1, 5, 9]])
    assert tree.leaves[0] is tree.leaves[2]
    assert tree.leaves[0].ending == [0, 2]
    assert [node.tokens.tolist() for node in tree] == [[1, 5], [9], [7, 7]]
    assert [node.count for node in tree] == [3, 2, 1]


def test_a_prefix_ends_inside() -> None:
    tree = PromptTree.from_sequences([[1, 2, 3, 4], [1, 2]])
    assert tree.leaves[1] is tree.leaves[0].parent
    assert tree.leaves[1].ending == [1]


def test_forest_of_strangers() -> None:
    tree = PromptTree.from_sequences([[1], [2, 2], [3]])
    assert [node.parent for node in tree] == [None] * 3
    assert len(tree.roots) == 3


def test_no_sequences() -> None:
    assert len(PromptTree.from_sequences([])) == 0


def test_empty_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence 1 has no tokens"):
        PromptTree.from_sequences([[1], []])


def test_deep_chain_does_not_recurse() -> None:
    length = 3000
    tree = PromptTree.from_sequences([list(range(n)) for n in range(1, length + 1)])
    assert len(tree) == length
    assert [len(tree.path(n)) for n in (0, length - 1)] == [1, length]
    assert tree.nodes[0].count == length
