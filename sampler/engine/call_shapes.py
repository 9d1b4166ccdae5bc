"""How many rows the model's forward calls have, which decides about the bits that matrix products give.

A matrix product of a library computes a row in an order that can depend on how many rows stand beside it. Two
ways to live with that:

- `FREE`: calls of any number of whole tiles. On a CPU, in float32, a row's bits are then the same in all of
  them (see `tree_attention.cpu`); on an accelerator they may differ in rounding.
- `FIXED`: every call of a kind has the very same shape, on every device. A step of more rows takes several
  calls, and fewer rows are padded.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_attention.cpu import ROW_TILE


@dataclass(frozen=True)
class CallShapes:
    """The rows of a forward call. Nodes are cut into chunks at multiples of `chunk_tokens` of their own."""

    chunk_tokens: int  # the most tokens of a node, and of all chunks together, in a prefill call
    packs_chunks: bool  # whether a prefill call takes several chunks
    prefill_multiple: int  # prefill calls have a multiple of so many rows
    decode_multiple: int  # and decoding calls of so many
    decode_rows: int | None  # the most rows of a decoding call; None for no bound


FREE = CallShapes(
    chunk_tokens=2048,
    packs_chunks=True,
    prefill_multiple=ROW_TILE,
    decode_multiple=ROW_TILE,
    decode_rows=None,
)
FIXED = CallShapes(
    chunk_tokens=256, packs_chunks=False, prefill_multiple=256, decode_multiple=64, decode_rows=64
)
