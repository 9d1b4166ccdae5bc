"""Which rows read which keys: the plan of a forward call, and one step of it.

Theory of operation. A *row* is one query: a branch's newest token while decoding, one prompt token while
prefilling. Rows stand in depth-first order of the tree, so the rows that read a node are one interval
`[row_lo, row_hi)`, and the intervals nest. A row's attention is the merge of its parts:

- a `NodePart` for every node on its path (while prefilling also for its own node: the tokens before it);
- its branch's suffix (while decoding only).

The parts of a plan stand so that those of any one row come in the order of its path, whatever other rows are
beside it: what is summed in this order does not depend on them. A row may be a *padded* one: it has neither
path nor branch, reads and writes nothing, and is there only to give a matrix product its shape.

An `AttentionPlan` holds only what the topology decides and is rebuilt when a branch ends, a row is refilled
or a node is added, never per step, in time proportional to nodes and rows. An `AttentionStep` adds what
changes with every forward call: positions, and the place of each branch's new token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from tree_attention.kv_pool import IntArray, KvPool, NodeStorage

NO_BRANCH = -1


@dataclass(frozen=True, eq=False)
class NodePart:
    """Rows `[row_lo, row_hi)` read the node's tokens `[kv_lo, kv_hi)`."""

    node: NodeStorage
    kv_lo: int
    kv_hi: int
    row_lo: int
    row_hi: int
    causal: bool = False  # the i-th of the rows reads only the first i + 1 of the tokens

    @property
    def start(self) -> int:
        """Position of the first token read."""
        return self.node.start + self.kv_lo


@dataclass(frozen=True)
class PrefillSpan:
    """Tokens `[lo, hi)` of a node, to be prefilled.

    The tokens before `lo` and the nodes above have been before, or are by earlier spans of the same call.
    """

    node: NodeStorage
    lo: int
    hi: int


@dataclass(eq=False)
class AttentionPlan:
    """The parts of a forward call over `rows` rows; see the module's text."""

    rows: int
    parts: tuple[NodePart, ...]
    spans: tuple[PrefillSpan, ...] = ()  # prefill: what the rows are, in their order
    # decode: [rows], each row's branch in the pool, NO_BRANCH for one without a suffix
    branches: IntArray | None = field(default=None, repr=False)
    _layout: SuffixLayout | None = field(default=None, repr=False)

    @classmethod
    def for_prefill(cls, spans: Sequence[PrefillSpan], *, pad_to: int = 1) -> AttentionPlan:
        """The plan that prefills `spans`, which stand in depth-first order.

        Padded rows follow until the number of rows is a multiple of `pad_to`.

        Raises:
            ValueError: a span is empty or outside its node.
        """
        for span in spans:
            if not 0 <= span.lo < span.hi <= span.node.length:
                raise ValueError(
                    f"tokens [{span.lo}, {span.hi}) are not a span of a node of {span.node.length}"
                )
        parts = list(_node_parts((span.node.parent, span.hi - span.lo) for span in spans))
        row = 0
        for span in spans:
            end = row + span.hi - span.lo
            if span.lo:
                parts.append(NodePart(span.node, 0, span.lo, row, end))
            parts.append(NodePart(span.node, span.lo, span.hi, row, end, causal=True))
            row = end
        return cls(row + -row % pad_to, tuple(parts), spans=tuple(spans))

    @classmethod
    def for_decode(
        cls, leaves: Sequence[NodeStorage | None], branches: Sequence[int], *, share_reads: bool = True
    ) -> AttentionPlan:
        """The plan of decoding steps: row i continues `leaves[i]` with the suffix of `branches[i]`.

        Rows whose paths share nodes must stand together for the nodes to be read once, as in depth-first
        order; in any other order the result is the same and the nodes are read more often.

        Args:
            leaves: the node that each row's path ends with; None for a row without a path.
            branches: numbers of open branches of the pool; NO_BRANCH for a row without a suffix.
            share_reads: whether rows read a common node together, or each for itself.

        Raises:
            ValueError: there are not as many branches as leaves.
        """
        if len(leaves) != len(branches):
            raise ValueError(f"a plan needs one branch for each path; got {len(leaves)} and {len(branches)}")
        parts = _node_parts((leaf, 1) for leaf in leaves) if share_reads else _unshared_parts(leaves)
        return cls(len(leaves), tuple(parts), branches=np.asarray(branches, dtype=np.int64))

    @property
    def shared_reads(self) -> int:
        """Tokens that a step reads for a second row and further ones: the sum of length * (rows - 1)."""
        return sum((part.kv_hi - part.kv_lo) * (part.row_hi - part.row_lo - 1) for part in self.parts)

    def suffix_layout(self, pool: KvPool) -> SuffixLayout:
        """Who owns which page, for the rows of this plan; made anew only when pages have changed hands."""
        if self._layout is None or self._layout.version != pool.pages.version:
            self._layout = _suffix_layout(self, pool)
        return self._layout


@dataclass(frozen=True, eq=False)
class SuffixLayout:
    """The suffix pages of a plan's rows. P: pages looked at; T: tokens a page.

    `pages` picks them from the arena: all up to the last one in use, or, when few of those are in use, an
    index. `order` and `bags` list each row's own pages in the order of its tokens: row i's are
    `order[bags[i] : bags[i + 1]]`, as indices into the P.
    """

    version: int
    pages: slice | torch.Tensor
    host_row: IntArray  # [P], the row that a page belongs to; `rows` for a page of nobody here
    host_index: IntArray  # [P, T], of the page's tokens within their suffix
    row: torch.Tensor  # [P], as host_row
    order: torch.Tensor  # [own pages]
    bags: torch.Tensor  # [rows]
    writers: torch.Tensor | None  # rows that have a branch; None: all


@dataclass(frozen=True, eq=False)
class SuffixStep:
    """Where a decoding step finds and puts the tokens of suffixes."""

    layout: SuffixLayout
    positions: torch.Tensor  # [P, T], of the tokens
    hidden: torch.Tensor  # [P, T], True where there is no token of this step's rows
    write_pages: torch.Tensor  # [writers], page of each one's new token
    write_offsets: torch.Tensor  # [writers], and its place therein


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
        host = np.zeros(plan.rows, dtype=np.int64)
        row = 0
        for span in plan.spans:
            size = span.hi - span.lo
            host[row : row + size] = np.arange(span.node.start + span.lo, span.node.start + span.hi)
            row += size
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
            PoolFullError: the pool's budget does not allow the pages; nothing has changed.
        """
        if plan.branches is None:
            raise ValueError("a decoding step needs a plan made by AttentionPlan.for_decode")
        device = pool.layers[0].device
        host = np.asarray(positions, dtype=np.int64)
        where = torch.from_numpy(host).to(device)
        live = plan.branches != NO_BRANCH
        if not live.any():
            return cls(plan, host, where)
        pages, offsets = pool.extend_branches(plan.branches[live], lengths[live])
        layout = plan.suffix_layout(pool)
        has = np.append(np.where(live, lengths + 1, 0), 0)[layout.host_row]  # with the token of this step
        start = np.append(host - lengths, 0)[layout.host_row]
        suffix = SuffixStep(
            layout,
            positions=torch.from_numpy(start[:, None] + layout.host_index).to(device),
            hidden=torch.from_numpy(layout.host_index >= has[:, None]).to(device),
            write_pages=torch.from_numpy(pages).to(device),
            write_offsets=torch.from_numpy(offsets).to(device),
        )
        return cls(plan, host, where, suffix)

    def write(self, pool: KvPool, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores what the rows' tokens add in one layer: `[rows, kv_heads, key_dim | value_dim]`."""
        if self.suffix is not None:
            where = (self.suffix.write_pages, slice(None), self.suffix.write_offsets)
            writers = self.suffix.layout.writers
            pool.pages.keys[layer][where] = keys if writers is None else keys[writers]
            pool.pages.values[layer][where] = values if writers is None else values[writers]
            return
        row = 0
        for span in self.plan.spans:
            rows = slice(row, row + span.hi - span.lo)
            span.node.keys[layer][:, span.lo : span.hi] = keys[rows].transpose(0, 1)
            span.node.values[layer][:, span.lo : span.hi] = values[rows].transpose(0, 1)
            row = rows.stop


def _node_parts(groups: Iterable[tuple[NodeStorage | None, int]]) -> Iterator[NodePart]:
    """For runs of rows below the same node, the interval of rows below each node of the paths.

    Climbs from each new leaf only to the first node that is open already, so that the work is proportional
    to the nodes and the groups. A path's nodes come from the leaf up.
    """
    open_nodes: list[tuple[NodeStorage, int]] = []  # by depth: the newest path, with the nodes' first rows
    newest: NodeStorage | None = None
    row = 0
    for leaf, rows in groups:
        if leaf is not newest:
            fresh = []
            node = leaf
            while node is not None and not _is_open(node, open_nodes):
                fresh.append(node)
                node = node.parent
            yield from _closed(open_nodes, 0 if node is None else node.depth + 1, row)
            open_nodes += [(node, row) for node in reversed(fresh)]
            newest = leaf
        row += rows
    yield from _closed(open_nodes, 0, row)


def _is_open(node: NodeStorage, open_nodes: Sequence[tuple[NodeStorage, int]]) -> bool:
    return node.depth < len(open_nodes) and open_nodes[node.depth][0] is node


def _closed(open_nodes: list[tuple[NodeStorage, int]], keep: int, row_hi: int) -> Iterator[NodePart]:
    while len(open_nodes) > keep:
        node, row_lo = open_nodes.pop()
        yield NodePart(node, 0, node.length, row_lo, row_hi)


def _unshared_parts(leaves: Sequence[NodeStorage | None]) -> Iterator[NodePart]:
    """A part of its own for each row and each node on its path."""
    for row, leaf in enumerate(leaves):
        node = leaf
        while node is not None:
            yield NodePart(node, 0, node.length, row, row + 1)
            node = node.parent


def _suffix_layout(plan: AttentionPlan, pool: KvPool) -> SuffixLayout:
    assert plan.branches is not None
    device = pool.layers[0].device
    rows, owner = plan.rows, pool.pages.owner
    live = np.flatnonzero(plan.branches != NO_BRANCH)
    row_of_branch = np.full(max(int(owner.max()), int(plan.branches.max())) + 2, rows, dtype=np.int64)
    row_of_branch[plan.branches[live]] = live  # the last entry stays `rows`: a free page's owner is -1
    row = row_of_branch[owner]
    ours = np.flatnonzero(row < rows)
    end = int(ours[-1]) + 1 if len(ours) else 0
    # In-place reading beats a gather until about half of the pages looked at are nobody's.
    dense = 2 * len(ours) >= end
    chosen = np.arange(end) if dense else ours
    row = row[chosen]
    first = pool.pages.first[chosen]
    order = np.lexsort((first, row))[: len(ours)]  # pages of nobody come last
    counts = np.bincount(row[order], minlength=rows)
    return SuffixLayout(
        version=pool.pages.version,
        pages=slice(0, end) if dense else torch.from_numpy(chosen).to(device),
        host_row=row,
        host_index=first[:, None] + np.arange(pool.pages.page_tokens),
        row=torch.from_numpy(row).to(device),
        order=torch.from_numpy(order).to(device),
        bags=torch.from_numpy(np.cumsum(counts) - counts).to(device),
        writers=None if len(live) == rows else torch.from_numpy(live).to(device),
    )
