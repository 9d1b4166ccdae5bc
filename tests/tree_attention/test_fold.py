"""Which nodes are folded."""

from __future__ import annotations

import pytest

from tree_attention.fold import costs_less_folded

KB = 1024


@pytest.mark.parametrize(
    ("tokens", "readers", "token_bytes", "folded"),
    [
        (100_000, 1, 4 * KB, True),  # nobody else reads it
        (16, 8, KB, True),
        (16, 32, KB, False),
        (16, 2, 4 * KB, True),
        (300, 32, KB, False),
        (2048, 256, KB, False),
        (2048, 2, 4 * KB, False),
        (16, 256, 4 * KB, False),
    ],
)
def test_by_tokens_and_readers(tokens: int, readers: int, token_bytes: int, folded: bool) -> None:
    assert costs_less_folded(tokens, readers, token_bytes) is folded
