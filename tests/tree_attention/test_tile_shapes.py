"""Tile sizes follow from what does not change while a plan lives."""

from __future__ import annotations

import pytest
import torch

from tree_attention.kv_storage import LayerShape
from tree_attention.tile_shapes import TileShape, choose_tile, padded


def layer(kv_heads: int, dim: int, dtype: torch.dtype) -> LayerShape:
    return LayerShape(kv_heads, dim, dim, dtype, torch.device("cpu"))


def test_sizes_are_padded_to_what_tiles_take() -> None:
    assert [padded(size) for size in (1, 16, 17, 80, 96, 128, 192)] == [16, 16, 32, 128, 128, 128, 256]


@pytest.mark.parametrize(("rows", "lanes"), [(1, 16), (8, 16), (9, 128), (1024, 128)])
def test_the_queries_of_a_kv_head_decide_between_small_and_large(rows: int, lanes: int) -> None:
    assert choose_tile([layer(4, 128, torch.bfloat16)], 32, rows, hopper=True).lanes == lanes


def test_the_layer_that_needs_most_decides() -> None:
    layers = [layer(8, 64, torch.bfloat16), layer(1, 200, torch.bfloat16)]
    assert choose_tile(layers, 8, 64, hopper=True) == TileShape(64, 32, warps=8, stages=3)


def test_older_gpus_and_float32_get_smaller_tiles() -> None:
    assert choose_tile([layer(1, 128, torch.float16)], 1, 99, hopper=False).tokens == 32
    assert choose_tile([layer(1, 128, torch.float32)], 1, 99, hopper=True).lanes == 32


@pytest.mark.parametrize(("group", "rows"), [(1, 16), (3, 5), (16, 1), (48, 1)])
def test_rows_of_a_tile(group: int, rows: int) -> None:
    assert TileShape(16, 64, warps=4, stages=3).rows(group) == rows
