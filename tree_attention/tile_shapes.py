"""How large the tiles are that a Triton program works on.

A tile is the keys of `tokens` tokens against `lanes` queries; a lane is one query head of one row, and the
rows of a tile with all query heads that share a kv head fill the lanes. A program keeps its queries, a
float32 accumulator and a few tiles of keys and values on the chip, which bounds the sizes. They were chosen
by reasoning, for an H200 first, and checked by compiling them (`scripts/check_kernels.py`); they have not
been tuned on hardware.

The choice is made once for a plan, of what does not change while it lives: two shapes may differ in the last
bit, because they sum in another order. So it follows the number of rows, which call shapes can fix, and not
the widest part, which would give a tile less empty where few rows share each node: how many share one depends
on the rows beside a row. Only where no reads are shared does every part have one row, whatever the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tree_attention.kv_storage import LayerShape

LEAST_LANES = 16  # what a tensor core takes
_NO_SPILLS = 128  # registers; left alone, the assembler takes fewer and spills, to run more programs at once
SMALL_PLAN_LANES = 64  # plans of at most so many queries per kv head get the small tile


@dataclass(frozen=True)
class TileShape:
    """The size of a tile, and what runs it."""

    lanes: int  # a power of two, 16 or more
    tokens: int  # likewise
    warps: int
    stages: int  # of the pipeline that fetches keys and values ahead
    registers: int | None = None  # of a thread, at most; None: as the assembler thinks best

    def rows(self, group: int) -> int:
        """Rows of a tile when `group` query heads share a kv head."""
        return max(1, self.lanes // group)


def padded(size: int) -> int:
    """A head size or a number of lanes as tiles have it: the next power of two, 16 at least."""
    return max(LEAST_LANES, 1 << (size - 1).bit_length())


def choose_tile(layers: Sequence[LayerShape], query_heads: int, rows: int, *, hopper: bool) -> TileShape:
    """The tile for plans of up to `rows` rows over these layers; `hopper`: on such a GPU or a newer one."""
    lanes = max(rows * query_heads // layer.kv_heads for layer in layers)
    widest = max(padded(max(layer.key_dim, layer.value_dim)) for layer in layers)
    bytes_each = max(layer.dtype.itemsize for layer in layers)
    if lanes <= SMALL_PLAN_LANES:
        return small_tile(widest, bytes_each)
    return large_tile(widest, bytes_each, hopper=hopper)


def small_tile(widest: int, bytes_each: int) -> TileShape:
    """For few queries: reading keys is all the work, so many small programs share it."""
    if bytes_each > 2:  # products without tensor cores hold their operands in registers
        return TileShape(LEAST_LANES, 16, warps=8 if widest > 128 else 4, stages=2, registers=_NO_SPILLS)
    return TileShape(LEAST_LANES, 32 if widest > 128 else 64, warps=4, stages=3)


def large_tile(widest: int, bytes_each: int, *, hopper: bool) -> TileShape:
    """For many queries: each key fetched meets as many of them as registers allow.

    With 128 lanes a byte of keys takes part in 128 operations, which is about what an H200 can compute in
    the time that its second-level cache delivers that byte.
    """
    if bytes_each > 2:
        return TileShape(32, 16, warps=8, stages=2, registers=_NO_SPILLS)
    if widest > 128:
        return TileShape(64, 32, warps=8, stages=3)
    # Before Hopper, a product's operands and results are all in registers: 64 tokens would spill.
    return TileShape(128, 64 if hopper else 32, warps=8, stages=3)
