"""Which rows read which keys: the plan of a forward call, and one step of it.

Theory of operation. A *row* is one query: a branch's newest token while decoding, one prompt token while
prefilling. Rows stand in depth-first order of the tree, so the rows that read a node are one interval
`[row_lo, row_hi)`, and the intervals nest. A row's attention is the merge of its parts:

- a `NodePart` for every node on its path (while prefilling also for its own node: the tokens before it);
- its branch's suffix (while decoding only).

Nodes at the same depth never meet in a row, so a part's *slot* is its depth: partial results of all parts
fit in `[slots, rows, ...]`, and are merged once, at the end.

An `AttentionPlan` holds only what the topology decides and is rebuilt when a branch ends, a row is refilled
or a node is added, never per step. An `AttentionStep` adds what changes with every forward call: positions,
and the place of each branch's new token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from tree_attention.kv_pool import IntArray, KvPool, NodeStorage

Path = tuple[NodeStorage, ...]  # nodes from a root down


@dataclass(frozen=True, eq=False)
class NodePart:
    """Rows `[row_lo, row_hi)` read the node's tokens `[kv_lo, kv_hi)`."""

    node: NodeStorage
    kv_lo: int
    kv_hi: int
    row_lo: int
    row_hi: int
    slot: int
    causal: bool = False  # the i-th of the rows reads only the first i + 1 of the tokens

    @property
    def start(self) -> int:
        """Position of the first token read."""
        return self.node.start + self.kv_lo


@dataclass(frozen=True)
class PrefillSpan:
    """Tokens `[lo, hi)` of the last node of `path`, to be prefilled.

    The tokens before `lo` and the nodes above have been before, or are by earlier spans of the same call.
    """

    path: Path
    lo: int
    hi: int

    @property
    def node(self) -> NodeStorage:
        """The node that the tokens belong to."""
        return self.path[-1]


@dataclass(frozen=True, eq=False)
class AttentionPlan:
    """The parts of a forward call over `rows` rows; see the module's text."""

    rows: int
    parts: tuple[NodePart, ...]
    slots: int  # node parts of the row that has most of them
    spans: tuple[PrefillSpan, ...] = ()  # prefill: what the rows are, in their order
    branches: IntArray | None = field(
        default=None, repr=False
    )  # decode: [rows], each row's branch in the pool

    @classmethod
    def for_prefill(cls, spans: Sequence[PrefillSpan]) -> AttentionPlan:
        """The plan that prefills `spans`, which stand in depth-first order.

        Raises:
            ValueError: a span is empty or outside its node.
        """
        for span in spans:
            if not 0 <= span.lo < span.hi <= span.node.length:
                raise ValueError(
                    f"tokens [{span.lo}, {span.hi}) are not a span of a node of {span.node.length}"
                )
        sizes = [span.hi - span.lo for span in spans]
        parts = list(_node_parts((span.path[:-1], size) for span, size in zip(spans, sizes, strict=True)))
        row = 0
        for span, size in zip(spans, sizes, strict=True):
            slot = len(span.path) - 1
            if span.lo:
                parts.append(NodePart(span.node, 0, span.lo, row, row + size, slot))
            parts.append(
                NodePart(span.node, span.lo, span.hi, row, row + size, slot + bool(span.lo), causal=True)
            )
            row += size
        return cls(row, tuple(parts), _slots(parts), spans=tuple(spans))

    @classmethod
    def for_decode(cls, paths: Sequence[Path], branches: Sequence[int]) -> AttentionPlan:
        """The plan of decoding steps: row i continues `paths[i]` with the suffix of `branches[i]`.

        Rows whose paths share nodes must stand together for the nodes to be read once, as in depth-first
        order; in any other order the result is the same and the nodes are read more often.

        Raises:
            ValueError: there are not as many branches as paths.
        """
        if len(paths) != len(branches):
            raise ValueError(f"a plan needs one branch for each path; got {len(paths)} and {len(branches)}")
        parts = tuple(_node_parts((path, 1) for path in paths))
        return cls(len(paths), parts, _slots(parts), branches=np.asarray(branches, dtype=np.int64))

    @property
    def shared_reads(self) -> int:
        """Tokens that a step reads for a second row and further ones: the sum of length * (rows - 1)."""
        return sum((part.kv_hi - part.kv_lo) * (part.row_hi - part.row_lo - 1) for part in self.parts)


@dataclass(frozen=True, eq=False)
class SuffixStep:
    """Where a decoding step finds and puts the tokens of suffixes. P: pages looked at; T: tokens a page.

    `pages` picks them from the arena: all up to the last one in use, or, when few of those are in use, an
    index.
    """

    pages: slice | torch.Tensor
    row: torch.Tensor  # [P], the row that a page belongs to; `rows` for a page of nobody here
    positions: torch.Tensor  # [P, T], of the tokens
    hidden: torch.Tensor  # [P, T], True where there is no token of this step's rows
    write_pages: torch.Tensor  # [rows], page of each row's new token
    write_offsets: torch.Tensor  # [rows], and its place therein


@dataclass(frozen=True, eq=False)
class AttentionStep:
    """One forward call: a plan with the positions of its rows."""

    plan: AttentionPlan
    host_positions: IntArray = field(repr=False)  # [rows]
    positions: torch.Tensor = field(repr=False)  # [rows], the same on the model's device
    suffix: SuffixStep | None = field(default=None, repr=False)

    @classmethod
    def prefill(cls, plan: AttentionPlan, device: torch.device) -> AttentionStep:
        """The step that prefills the plan's spans."""
        starts = [np.arange(s.node.start + s.lo, s.node.start + s.hi, dtype=np.int64) for s in plan.spans]
        host = np.concatenate(starts)
        return cls(plan, host, torch.from_numpy(host).to(device))

    @classmethod
    def decode(
        cls, plan: AttentionPlan, pool: KvPool, positions: IntArray, lengths: IntArray
    ) -> AttentionStep:
        """One decoding step; makes room in the pool for a token on every branch.

        Args:
            plan: made by `AttentionPlan.for_decode`.
            pool: that of the plan's nodes and branches.
            positions: `[rows]`, of the new tokens.
            lengths: `[rows]`, tokens in each branch's suffix before this step.

        Raises:
            ValueError: the plan is not one for decoding.
        """
        if plan.branches is None:
            raise ValueError("a decoding step needs a plan made by AttentionPlan.for_decode")
        device = pool.layers[0].device
        write_pages, write_offsets = pool.extend_branches(plan.branches, lengths)
        suffix = _suffix_step(plan.branches, pool, positions, lengths, write_pages, write_offsets, device)
        return cls(plan, positions, torch.from_numpy(positions).to(device), suffix)

    def write(self, pool: KvPool, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores what the rows' tokens add in one layer: `[rows, kv_heads, key_dim | value_dim]`."""
        if self.suffix is not None:
            where = (self.suffix.write_pages, slice(None), self.suffix.write_offsets)
            pool.pages.keys[layer][where] = keys
            pool.pages.values[layer][where] = values
            return
        row = 0
        for span in self.plan.spans:
            rows = slice(row, row + span.hi - span.lo)
            span.node.keys[layer][:, span.lo : span.hi] = keys[rows].transpose(0, 1)
            span.node.values[layer][:, span.lo : span.hi] = values[rows].transpose(0, 1)
            row = rows.stop


def _node_parts(groups: Iterable[tuple[Path, int]]) -> Iterator[NodePart]:
    """For runs of rows with the same path, the interval of rows below each node. Slots are depths."""
    open_nodes: list[tuple[NodeStorage, int]] = []  # on the path of the newest group, with their first rows
    newest: Path = ()
    row = 0
    for path, rows in groups:
        if path is not newest:  # rows of one prompt stand together and mostly come with one path object
            same = _common_nodes(path, newest)
            yield from _closed(open_nodes, same, row)
            open_nodes += [(node, row) for node in path[same:]]
            newest = path
        row += rows
    yield from _closed(open_nodes, 0, row)


def _common_nodes(a: Path, b: Path) -> int:
    """How many nodes two paths share from the root down."""
    pairs = zip(a, b, strict=False)
    return next((depth for depth, (x, y) in enumerate(pairs) if x is not y), min(len(a), len(b)))


def _closed(open_nodes: list[tuple[NodeStorage, int]], keep: int, row_hi: int) -> Iterator[NodePart]:
    while len(open_nodes) > keep:
        node, row_lo = open_nodes.pop()
        yield NodePart(node, 0, node.length, row_lo, row_hi, slot=len(open_nodes))


def _slots(parts: Iterable[NodePart]) -> int:
    return max((part.slot + 1 for part in parts), default=0)


def _suffix_step(
    branches: IntArray,
    pool: KvPool,
    positions: IntArray,
    lengths: IntArray,
    write_pages: IntArray,
    write_offsets: IntArray,
    device: torch.device,
) -> SuffixStep:
    rows = len(branches)
    owner, first, size = pool.pages.owner, pool.pages.first, pool.pages.page_tokens
    row_of_branch = np.full(max(int(owner.max()), int(branches.max())) + 2, rows, dtype=np.int64)
    row_of_branch[branches] = np.arange(rows)  # the last entry stays `rows`: a free page's owner is -1
    row = row_of_branch[owner]
    ours = np.flatnonzero(row < rows)
    end = int(ours[-1]) + 1
    # In-place reading beats a gather until about half of the pages looked at are nobody's.
    dense = 2 * len(ours) >= end
    chosen = np.arange(end) if dense else ours
    row = row[chosen]
    index = first[chosen][:, None] + np.arange(size)
    has = np.append(lengths + 1, 0)[row]  # with the token of this step; 0 for pages of nobody
    start = np.append(positions - lengths, 0)[row]
    return SuffixStep(
        pages=slice(0, end) if dense else torch.from_numpy(chosen).to(device),
        row=torch.from_numpy(row).to(device),
        positions=torch.from_numpy(start[:, None] + index).to(device),
        hidden=torch.from_numpy(index >= has[:, None]).to(device),
        write_pages=torch.from_numpy(write_pages).to(device),
        write_offsets=torch.from_numpy(write_offsets).to(device),
    )
