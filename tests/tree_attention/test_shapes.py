"""The operation on the shapes that matter: wide and deep trees, chains, very long nodes, single rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tree_attention.attention import tree_attention
from tree_attention.backend import AttentionOptions
from tree_attention.kv_storage import NodeStorage
from tree_attention.reference import reference_attention

Maker = Callable[..., Any]


def levels(maker: Any, counts: list[int], lengths: list[int]) -> list[NodeStorage | None]:
    """The lowest nodes of a forest with `counts[i]` nodes of `lengths[i]` tokens on its level i."""
    above: list[NodeStorage | None] = [None]
    for count, length in zip(counts, lengths, strict=True):
        parents = [above[i * len(above) // count] for i in range(count)]
        above = [maker.fill(maker.pool.allocate_node(parent, length)) for parent in parents]
    return above


SHAPES: dict[str, Callable[[Any], Any]] = {
    "1,1024 / 2048,32": lambda m: m.decode_below(levels(m, [1], [2048]) * 1024, 32),
    "1,4,16,64,256,1024 / 256,8,256,64,32,256": lambda m: m.decode_below(
        [leaf for leaf in levels(m, [1, 4, 16, 64, 256], [256, 8, 256, 64, 32]) for _ in range(4)], 256
    ),
    "256 / 1024": lambda m: m.decode_below(levels(m, [256], [1024]), 1),
    "a chain of 300 nodes": lambda m: m.decode_below(levels(m, [1] * 300, [1, 2, 3] * 100) * 5, 3),
    "100,000 tokens": lambda m: m.decode_below(levels(m, [1], [100_000]) * 3, 2),
    "one row below one token": lambda m: m.decode_below(levels(m, [1], [1]), 1),
    "one row of a long suffix": lambda m: m.decode_below(levels(m, [1], [3]), 300),
}


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


def some_rows(case: Any) -> Any:
    """The oracle works row by row: at most 48 rows of a case, spread over it."""
    rows = case.step.plan.rows
    return case.only(list(range(0, rows, -(-rows // 48))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_equals_the_oracle(case_maker: Maker, shape: str, dtype: torch.dtype) -> None:
    maker = case_maker(kv_heads=2, group=2, key_dim=16, value_dim=16, dtype=dtype, seed=11)
    case = SHAPES[shape](maker)
    options = AttentionOptions(scale=0.25)
    rows = case.step.plan.rows
    every = tree_attention(case.query, case.pool, 0, case.step, options)[:: -(-rows // 48)]
    few = some_rows(case)
    expected = reference_attention(few.query, few.pool, 0, few.step, options)
    if dtype == torch.float32:
        assert relative_error(every, expected) <= 1e-6
        return
    # As good as one attention that is not split: even one that is exact rounds its result to the dtype.
    unsplit = relative_error(expected.to(dtype), expected)
    assert relative_error(every, expected) <= 1.05 * unsplit


@pytest.mark.parametrize(("key_dim", "value_dim"), [(16, 16), (80, 80), (192, 128), (256, 256)])
def test_head_sizes(case_maker: Maker, key_dim: int, value_dim: int) -> None:
    case = case_maker(key_dim=key_dim, value_dim=value_dim, seed=3).decode()
    options = AttentionOptions(scale=key_dim**-0.5)
    found = tree_attention(case.query, case.pool, 0, case.step, options)
    expected = reference_attention(case.query, case.pool, 0, case.step, options)
    assert relative_error(found, expected) <= 1e-6
