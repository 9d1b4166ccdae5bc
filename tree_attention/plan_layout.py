"""A plan as a list of work for a kernel.

Theory of operation. The list is of *items*: one tile of a part's rows against one *split* of its tokens.
Splits depend on the part's tokens alone, and so does the order of a row's partial results: root first, then
down its path, then the splits of its suffix. A row's partial results therefore lie side by side,
`offset .. offset + count`, and an item knows the place of its own within each of its rows' (`ordinal`), which
is the same for all rows of a part, because they have the same nodes above it.

Suffixes have no items: the table of their pages and the rows' positions say what there is to read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from tree_attention.kv_storage import IntArray
from tree_attention.plan import AttentionPlan, NodePart

ITEM_FIELDS = 8  # node, kv_lo, kv_hi, row_lo, row_hi, ordinal, start of the node, length of the node


@dataclass(frozen=True)
class SplitLengths:
    """How many tokens one program reads.

    Short splits give work to more programs; each costs a partial result of `query_heads * (value_dim + 2)`
    float32 a row, written and read. A node's splits grow with its length to hold that cost below about a
    tenth of a long node's own products.
    """

    shortest: int = 512
    longest: int = 4096
    aim: int = 8  # splits of a node between the two
    suffix: int = 256

    def of(self, tokens: int) -> int:
        """The split length of a part of so many tokens: a multiple of `shortest`."""
        wanted = math.ceil(tokens / self.aim / self.shortest) * self.shortest
        return max(self.shortest, min(self.longest, wanted))


@dataclass(frozen=True)
class PlanCapacity:
    """What the buffers of a plan have room for."""

    rows: int
    nodes: int  # distinct ones
    items: int
    node_partials: int  # partial results of nodes, summed over the rows
    row_pages: int  # suffix pages of the row that has most; 0 for a plan without suffixes

    def rounded(self) -> PlanCapacity:
        """Each number but that of pages raised to the next power of two."""
        sizes = {
            field.name: 1 << max(0, getattr(self, field.name) - 1).bit_length()
            for field in fields(self)
            if field.name != "row_pages"
        }
        return PlanCapacity(**sizes, row_pages=self.row_pages)

    def holds(self, other: PlanCapacity) -> bool:
        """Whether nothing of `other` is larger."""
        return all(getattr(self, field.name) >= getattr(other, field.name) for field in fields(self))


@dataclass(frozen=True, eq=False)
class PlanLayout:
    """A plan's arrays before they are placed in buffers. All of int32."""

    parts: tuple[NodePart, ...]  # in the order of the paths
    nodes: list[int]  # index into `parts`, one for each distinct node
    items: npt.NDArray[np.int32]  # [items, ITEM_FIELDS]
    counts: IntArray  # [rows], partial results of nodes

    @classmethod
    def of(cls, plan: AttentionPlan, tile_rows: int, splits: SplitLengths) -> PlanLayout:
        """Cuts the plan's parts into items; in time of parts, items and rows times depth."""
        # Root first, and a node's earlier tokens first: the rows of a part then had the same parts before.
        parts = tuple(sorted(plan.parts, key=lambda part: (part.node.depth, part.kv_lo)))
        number: dict[int, int] = {}
        nodes: list[int] = []
        for index, part in enumerate(parts):
            if id(part.node) not in number:
                number[id(part.node)] = len(nodes)
                nodes.append(index)
        table = np.array(
            [
                (number[id(p.node)], p.kv_lo, p.kv_hi, p.row_lo, p.row_hi, p.node.start, p.node.length)
                for p in parts
            ],
            dtype=np.int64,
        ).reshape(-1, 7)
        length = np.array([splits.of(p.kv_hi - p.kv_lo) for p in parts], dtype=np.int64)
        pieces = -(-(table[:, 2] - table[:, 1]) // np.maximum(length, 1))
        depths = np.array([(p.node.depth, p.kv_lo) for p in parts], dtype=np.int64).reshape(-1, 2)
        ordinals, counts = _ordinals(table[:, 3:5], depths, pieces, plan.rows)
        return cls(parts, nodes, _items(table, ordinals, length, pieces, tile_rows), counts)

    def capacity(self, row_pages: int) -> PlanCapacity:
        """What the layout needs."""
        return PlanCapacity(
            rows=len(self.counts),
            nodes=len(self.nodes),
            items=len(self.items),
            node_partials=int(self.counts.sum()),
            row_pages=row_pages,
        )


def _ordinals(
    rows: IntArray, depths: IntArray, pieces: IntArray, total_rows: int
) -> tuple[IntArray, IntArray]:
    """For each part the partial results that its rows have before, and for each row how many it has in all.

    Args:
        rows: `[parts, 2]`, the interval of rows of each part.
        depths: `[parts, 2]`, ascending; parts with the same have no row in common.
        pieces: `[parts]`, partial results of each part for each of its rows.
        total_rows: rows of the plan.
    """
    counts = np.zeros(total_rows, dtype=np.int64)
    ordinals = np.zeros(len(rows), dtype=np.int64)
    changes = np.flatnonzero((np.diff(depths, axis=0) != 0).any(1)) + 1
    for level in np.split(np.arange(len(rows)), changes):
        lo, hi = rows[level, 0], rows[level, 1]
        ordinals[level] = counts[lo]
        edges = np.zeros(total_rows + 1, dtype=np.int64)
        np.add.at(edges, lo, pieces[level])
        np.add.at(edges, hi, -pieces[level])
        counts += np.cumsum(edges)[:-1]
    return ordinals, counts


def _items(
    table: IntArray, ordinals: IntArray, length: IntArray, pieces: IntArray, tile_rows: int
) -> npt.NDArray[np.int32]:
    """`[items, ITEM_FIELDS]`; the tiles of a split stand together, so that its keys stay in a cache."""
    node, kv_lo, kv_hi, row_lo, row_hi, start, node_length = table.T
    tiles = -(-(row_hi - row_lo) // tile_rows)
    part = np.repeat(np.arange(len(table)), tiles * pieces)
    within = np.arange(len(part)) - np.repeat(np.cumsum(tiles * pieces) - tiles * pieces, tiles * pieces)
    split, tile = within // tiles[part], within % tiles[part]
    first_token = kv_lo[part] + split * length[part]
    first_row = row_lo[part] + tile * tile_rows
    columns = [
        node[part],
        first_token,
        np.minimum(kv_hi[part], first_token + length[part]),
        first_row,
        np.minimum(row_hi[part], first_row + tile_rows),
        ordinals[part] + split,
        start[part],
        node_length[part],
    ]
    return np.stack(columns, axis=1).astype(np.int32)
