"""Which rows read which keys: the plan of a forward call, and one step of it.

Theory of operation. A *row* is one query: a branch's newest token while decoding, one prompt token while
prefilling. Rows stand in depth-first order of the tree, so the rows that read a node are one interval
`[row_lo, row_hi)`, and the intervals nest. A row's attention is the merge of its parts:

- a `NodePart` for every node on its path (while prefilling also for its own node: the tokens before it);
- its branch's suffix (while decoding only), and with it the folded nodes on its path (see fold.py).

The parts of a plan stand so that those of any one row come in the order of its path, whatever other rows are
beside it: what is summed in this order does not depend on them. A row may be a *padded* one: it has neither
path nor branch, reads and writes nothing, and is there only to give a matrix product its shape.

An `AttentionPlan` holds only what the topology decides and is rebuilt when a branch ends, a row is refilled
or a node is added, never per step, in time proportional to nodes and rows. An `AttentionStep` adds what
changes with every forward call: positions, and the place of each branch's new token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from tree_attention.host_copies import to_device
from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import NODE_PAGE, IntArray, NodeStorage

NO_BRANCH = -1
_AFTER_ALL_NODES = 1 << 60


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
    folded: tuple[NodePart, ...] = ()  # decode: nodes that each row reads for itself, with its suffix
    spans: tuple[PrefillSpan, ...] = ()  # prefill: what the rows are, in their order
    # decode: [rows], each row's branch in the pool, NO_BRANCH for one without a suffix
    branches: IntArray | None = field(default=None, repr=False)
    shares_reads: bool = True  # False: each part has one row
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
        parts: list[NodePart] = []
        folded: list[NodePart] = []
        for part in _node_parts((leaf, 1) for leaf in leaves) if share_reads else _unshared_parts(leaves):
            (parts if part.node.arena is None else folded).append(part)
        numbers = np.asarray(branches, dtype=np.int64)
        return cls(len(leaves), tuple(parts), tuple(folded), branches=numbers, shares_reads=share_reads)

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
    """Who reads which page, for a plan's rows. P: readings of a page by a row; T: tokens a page.

    `pages` picks the pages of all readings from the arena. The first pick is without repetition: the whole
    arena up to the last page in use, or, when few of those are in use, an index; the second, if there is one,
    is an index of what further rows read of folded nodes. `order` and `bags` list each row's readings in the
    order of its tokens: row i's are `order[bags[i] : bags[i + 1]]`, as indices into the P.
    """

    version: int
    pages: tuple[slice | torch.Tensor, ...]
    reads: PageReads = field(repr=False)
    row: torch.Tensor  # [P], the row that reads; `rows` where nobody here does
    order: torch.Tensor  # [readings]
    bags: torch.Tensor  # [rows]
    writers: torch.Tensor | None  # rows that have a branch; None: all


@dataclass(frozen=True, eq=False)
class PageReads:
    """Readings of pages by rows, each array `[P]`, on the host."""

    page: IntArray
    row: IntArray  # the number of rows where nobody of the plan reads
    first: IntArray  # suffix pages: index of the page's first token within its suffix
    start: IntArray  # node pages: position of the page's first token; -1 for suffix pages
    count: IntArray  # node pages: tokens

    def take(self, index: IntArray) -> PageReads:
        """Some of them."""
        return PageReads(*(getattr(self, f.name)[index] for f in fields(self)))

    def append(self, others: PageReads) -> PageReads:
        """These and others."""
        pairs = ((getattr(self, f.name), getattr(others, f.name)) for f in fields(self))
        return PageReads(*(np.concatenate(pair) for pair in pairs))


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
    # decode: [rows], tokens in each suffix before this step
    host_lengths: IntArray | None = field(default=None, repr=False)

    @classmethod
    def prefill(cls, plan: AttentionPlan, device: torch.device) -> AttentionStep:
        """The step that prefills the plan's spans."""
        host = np.zeros(plan.rows, dtype=np.int64)
        row = 0
        for span in plan.spans:
            size = span.hi - span.lo
            host[row : row + size] = np.arange(span.node.start + span.lo, span.node.start + span.hi)
            row += size
        return cls(plan, host, to_device(host, device))

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
        where = to_device(host, device)
        live = plan.branches != NO_BRANCH
        if not live.any() and not plan.folded:
            return cls(plan, host, where, host_lengths=lengths)
        pages, offsets = pool.extend_branches(plan.branches[live], lengths[live])
        layout = plan.suffix_layout(pool)
        reads, in_page = layout.reads, np.arange(pool.pages.page_tokens)
        has = np.append(np.where(live, lengths + 1, 0), 0)[reads.row]  # with the token of this step
        count = np.where(reads.start < 0, has - reads.first, reads.count)
        start = np.where(reads.start < 0, np.append(host - lengths, 0)[reads.row] + reads.first, reads.start)
        suffix = SuffixStep(
            layout,
            positions=to_device(start[:, None] + in_page, device),
            hidden=to_device(in_page >= count[:, None], device),
            write_pages=to_device(pages, device),
            write_offsets=to_device(offsets, device),
        )
        return cls(plan, host, where, suffix, lengths)

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
            span.node.write(layer, span.lo, keys[rows], values[rows])
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
    in_place = _reads_in_place(plan, pool)
    further = _further_reads(plan, pool, in_place)
    ours = np.flatnonzero(in_place.row < plan.rows)
    end = int(ours[-1]) + 1 if len(ours) else 0
    # In-place reading beats a gather until about half of the pages looked at are nobody's.
    dense = 2 * len(ours) >= end
    in_place = in_place.take(np.arange(end) if dense else ours)
    pages = [slice(0, end) if dense else to_device(in_place.page, device)]
    if len(further.page):
        pages.append(to_device(further.page, device))
    reads = in_place.append(further)
    # By row, a path's nodes before the suffix; readings of nobody come last, and are cut off.
    place = np.where(reads.start < 0, reads.first + _AFTER_ALL_NODES, reads.start)
    order = np.lexsort((place, reads.row))[: len(ours) + len(further.page)]
    counts = np.bincount(reads.row[order], minlength=plan.rows)
    live = np.flatnonzero(plan.branches != NO_BRANCH)
    return SuffixLayout(
        version=pool.pages.version,
        pages=tuple(pages),
        reads=reads,
        row=to_device(reads.row, device),
        order=to_device(order, device),
        bags=to_device(np.cumsum(counts) - counts, device),
        writers=None if len(live) == plan.rows else to_device(live, device),
    )


def _reads_in_place(plan: AttentionPlan, pool: KvPool) -> PageReads:
    """A reading of every page of the arena: a suffix page's by its branch, a node page's by its first row."""
    assert plan.branches is not None
    rows, owner = plan.rows, pool.pages.owner
    live = np.flatnonzero(plan.branches != NO_BRANCH)
    # The last entries stay `rows`: the owners of free pages and of nodes' are FREE_PAGE and NODE_PAGE.
    highest = max(int(owner.max(initial=0)), int(plan.branches.max(initial=0)))
    row_of_branch = np.full(highest + 1 - NODE_PAGE, rows, dtype=np.int64)
    row_of_branch[plan.branches[live]] = live
    row, start, count = row_of_branch[owner], np.full_like(owner, -1), np.zeros_like(owner)
    for part in reversed(plan.folded):
        pages = np.array(part.node.pages)
        row[pages] = part.row_lo
        start[pages], count[pages] = _tokens_of_pages(part.node, pool.pages.page_tokens)
    return PageReads(np.arange(len(owner)), row, pool.pages.first, start, count)


def _further_reads(plan: AttentionPlan, pool: KvPool, in_place: PageReads) -> PageReads:
    """What rows read of folded nodes beside the first row."""
    found = [np.empty((5, 0), dtype=np.int64)]
    for part in plan.folded:
        pages = np.array(part.node.pages)
        first_row = part.row_lo + (in_place.row[pages[0]] == part.row_lo)
        rows = np.arange(first_row, part.row_hi)
        start, count = _tokens_of_pages(part.node, pool.pages.page_tokens)
        columns = [pages, np.zeros_like(pages), start, count]
        page, first, start, count = (np.tile(column, len(rows)) for column in columns)
        found.append(np.stack([page, np.repeat(rows, len(pages)), first, start, count]))
    return PageReads(*np.concatenate(found, axis=1))


def _tokens_of_pages(node: NodeStorage, page_tokens: int) -> tuple[IntArray, IntArray]:
    """For each page of a folded node, the position of its first token and the number of its tokens."""
    first = np.arange(0, node.length, page_tokens)
    return node.start + first, np.minimum(page_tokens, node.length - first)
