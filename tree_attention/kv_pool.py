"""Where keys and values live: each node's once, and each branch's suffix in pages.

Theory of operation. Two kinds of storage, because they are read in two ways:

- A *node* (a span of a prompt) is written once, read by every branch below it, and freed as a whole. It
  gets one contiguous tensor a layer, `[kv_heads, tokens, head_dim]`, which a matrix product reads without a
  gather.
- A *suffix* (what a branch has generated) grows by one token a step. It lives in pages of `page_tokens`
  tokens, taken from an arena when the branch reaches them and given back the moment it ends. The arena of a
  layer is `[pages, kv_heads, page_tokens, head_dim]`: attention reads all pages in place, each on behalf of
  the branch that owns it, so nothing is gathered or padded to the longest branch. A page is the same index
  in every layer. The lowest free page is handed out first, which keeps the pages in use together. A node
  that its rows had better read like their suffixes (see fold.py) lies in pages too.

Nodes know their parents and count their users: whoever allocated or retained them, their children, and the
branches that continue them. A node is freed when its last user has gone, and then no longer uses its parent;
so to hold a leaf is to hold its path. Nothing is freed behind the back of a user.

A pool may have a budget. It bounds all that is held from the system, nodes and arena; a request that does not
fit raises `PoolFullError` and changes nothing. For a node that finds no room, free pages at the arena's end
are given back. That moves the arena; on an accelerator, where captured steps hold its addresses, it is done
only while no branch is open.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from tree_attention.fold import costs_less_folded
from tree_attention.kv_storage import FREE_PAGE, NODE_PAGE, IntArray, LayerShape, NodeStorage, SuffixPages

_FIRST_PAGES = 64  # pages of a new arena


class PoolFullError(Exception):
    """The pool's budget does not allow what was asked for; nothing has changed."""


@dataclass(eq=False)
class _OpenBranch:
    node: NodeStorage | None
    pages: list[int] = field(default_factory=list)


class KvPool:
    """Keys and values of nodes and branches, counted to the byte.

    Attributes:
        layers: shape of each layer.
        pages: the suffix pages; read by attention, written through the pool only.
        token_bytes: bytes of a token over all layers.
        page_bytes: bytes of a suffix page over all layers.
        budget_bytes: the most that may be held from the system; None for no bound.
        bytes_in_use: bytes of all nodes and of all suffix pages that a branch owns.
        peak_bytes: the most that `bytes_in_use` has been.
        frees: how often something has been given back; what was refused may fit once this has changed.
    """

    def __init__(
        self,
        layers: Sequence[LayerShape],
        *,
        page_tokens: int = 16,
        budget_bytes: int | None = None,
        keep_arena: bool | None = None,
    ) -> None:
        """Makes an empty pool.

        Args:
            layers: shape of each layer.
            page_tokens: tokens of a suffix page.
            budget_bytes: the most that may be held from the system; None for no bound.
            keep_arena: whether the arena stays where it is, free pages and all, while branches are open;
                None: on accelerators.

        Raises:
            ValueError: there is no layer, `page_tokens` is below 1 or the budget below 0.
        """
        if not layers or page_tokens < 1:
            raise ValueError(
                f"a KV pool needs a layer and pages of a token at least: {len(layers)} layers, {page_tokens=}"
            )
        if budget_bytes is not None and budget_bytes < 0:
            raise ValueError(f"a KV pool's budget cannot be {budget_bytes} bytes; give at least 0, or None")
        self.layers = tuple(layers)
        self.token_bytes = sum(layer.token_bytes for layer in layers)
        self.page_bytes = page_tokens * self.token_bytes
        self.budget_bytes = budget_bytes
        self.bytes_in_use = 0
        self.peak_bytes = 0
        self.frees = 0
        self._keep_arena = layers[0].device.type != "cpu" if keep_arena is None else keep_arena
        no_pages = np.empty(0, dtype=np.int64)
        self.pages = SuffixPages(page_tokens, [], [], no_pages, no_pages)
        self._set_arena(0)
        self._free_pages: list[int] = []  # a heap
        self._free_branches: list[int] = []  # a heap
        self._branches: list[_OpenBranch | None] = []  # None: not open
        self._last_page: IntArray = np.empty(0, dtype=np.int64)  # by branch

    @property
    def reserved_bytes(self) -> int:
        """Bytes held from the system: those in use and the free suffix pages."""
        return self.bytes_in_use + len(self._free_pages) * self.page_bytes

    @property
    def free_bytes(self) -> float:
        """Bytes that nodes and pages may still take; infinite without a budget."""
        return float("inf") if self.budget_bytes is None else self.budget_bytes - self.bytes_in_use

    @property
    def free_node_bytes(self) -> float:
        """Bytes that nodes may still take: all that are free, but for pages that the arena keeps."""
        if self.budget_bytes is None:
            return float("inf")
        return self.budget_bytes - (self.reserved_bytes if self._arena_stays else self.bytes_in_use)

    @property
    def open_branches(self) -> int:
        """Branches opened and not closed yet."""
        return len(self._branches) - len(self._free_branches)

    def node_bytes(self, length: int, readers: int | None = None) -> int:
        """Bytes that `allocate_node` of the same arguments takes."""
        if not self._folds(length, readers):
            return length * self.token_bytes
        return -(-length // self.pages.page_tokens) * self.page_bytes

    def allocate_node(
        self, parent: NodeStorage | None, length: int, *, readers: int | None = None
    ) -> NodeStorage:
        """Storage, still unwritten, for a node of `length` tokens below `parent`; the caller is its one user.

        Args:
            parent: None for a root.
            length: tokens.
            readers: samples that will read it, where this is known; a node that costs less so is folded.

        Raises:
            ValueError: `length` is below 1, or the parent has been freed.
            PoolFullError: the budget does not allow it.
        """
        if length < 1:
            raise ValueError(f"a node holds at least one token; got {length=}")
        if self._folds(length, readers):
            return self._allocate_folded(parent, length)
        needed = length * self.token_bytes
        if not self._fits(needed) and not self._arena_stays:
            self.trim_arena()  # free pages at its end are held for nothing
        if not self._fits(needed):
            raise PoolFullError(f"a node of {length} tokens needs {needed} bytes; {self._state()}")
        pairs = [layer.empty(length) for layer in self.layers]  # may find no memory; nothing has changed yet
        if parent is not None:
            self.retain(parent)
        self._count(needed)
        return NodeStorage(parent, length, [k for k, _ in pairs], [v for _, v in pairs])

    def retain(self, node: NodeStorage) -> None:
        """Adds a user to a node.

        Raises:
            ValueError: it has been freed.
        """
        _check_live(node)
        node.users += 1

    def release(self, node: NodeStorage) -> None:
        """Takes a user from a node; the last one's going frees it, and releases its parent.

        Raises:
            ValueError: it has been freed before.
        """
        last: NodeStorage | None = node
        while last is not None:
            _check_live(last)
            last.users -= 1
            if last.users:
                return
            if last.arena is None:
                self._count(-last.length * self.token_bytes)
            else:
                self._free(last.pages)
            self.frees += 1
            last.keys, last.values, last.pages = [], [], ()
            last = last.parent

    def open_branch(self, node: NodeStorage | None) -> int:
        """The number of a new branch that continues `node` and owns no page yet.

        The branch is a user of the node. Closed branches' numbers are used again.

        Raises:
            ValueError: the node has been freed.
        """
        if node is not None:
            self.retain(node)
        if self._free_branches:
            branch = heapq.heappop(self._free_branches)
        else:
            branch = len(self._branches)
            self._branches.append(None)
            if branch >= len(self._last_page):
                self._last_page = _grown(self._last_page, max(64, 2 * branch), fill=-1)
        self._branches[branch] = _OpenBranch(node)
        return branch

    def close_branch(self, branch: int) -> None:
        """Frees a branch's pages and its number, and releases its node.

        Raises:
            ValueError: it is not open.
        """
        closed = self._open(branch)
        self._free(closed.pages)
        self.frees += 1
        self._branches[branch] = None
        heapq.heappush(self._free_branches, branch)
        if closed.node is not None:
            self.release(closed.node)

    def branch_pages(self, branch: int) -> Sequence[int]:
        """The pages of an open branch, in the order of its tokens.

        Raises:
            ValueError: it is not open.
        """
        return self._open(branch).pages

    def extend_branches(self, branches: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
        """Makes room for one more token on each branch.

        Args:
            branches: `[rows]`, open branches, none twice.
            lengths: `[rows]`, the tokens that each one's suffix holds so far.

        Returns:
            `(pages, offsets)`, each `[rows]`: where each branch's new token goes.

        Raises:
            ValueError: a branch that needs a page is not open.
            PoolFullError: the budget does not allow the pages needed.
        """
        offsets = lengths % self.pages.page_tokens
        # A branch may have the page already, from a step that was tried before.
        needy = [
            row
            for row in np.flatnonzero(offsets == 0)
            if len(self._open(int(branches[row])).pages) * self.pages.page_tokens <= lengths[row]
        ]
        self.require_pages(len(needy))
        for row in needy:
            branch = int(branches[row])
            page = self._take_page(branch, first=int(lengths[row]))
            self._open(branch).pages.append(page)
            self._last_page[branch] = page
        return self._last_page[branches], offsets

    def require_pages(self, free: int) -> None:
        """Makes the arena hold at least `free` pages that nobody owns.

        Raises:
            PoolFullError: the budget does not allow it.
        """
        missing = free - len(self._free_pages)
        if missing <= 0:
            return
        # Doubling makes copying cost a constant per page in the long run.
        wanted = max(missing, _FIRST_PAGES, self.pages.capacity)
        if self.budget_bytes is not None and self.page_bytes:  # layers without kv heads store nothing
            room = (self.budget_bytes - self.reserved_bytes) // self.page_bytes
            if room < missing:
                raise PoolFullError(
                    f"{missing} suffix pages more need {missing * self.page_bytes} bytes; {self._state()}"
                )
            wanted = min(wanted, room)
        self.reserve_pages(self.pages.capacity + wanted)

    def reserve_pages(self, pages: int) -> None:
        """Makes the arena at least so large; it then stays where it is until more are needed.

        Raises:
            PoolFullError: the budget does not allow it.
        """
        old = self.pages.capacity
        if pages <= old:
            return
        if not self._fits((pages - old) * self.page_bytes):
            raise PoolFullError(f"an arena of {pages} suffix pages does not fit; {self._state()}")
        self._set_arena(pages)
        for page in range(old, pages):
            heapq.heappush(self._free_pages, page)

    def trim_arena(self) -> None:
        """Gives back the free pages after the last one in use, which moves the arena."""
        owned = np.flatnonzero(self.pages.owner != FREE_PAGE)
        keep = int(owned[-1]) + 1 if len(owned) else 0
        if keep < self.pages.capacity:
            self._set_arena(keep)
            self._free_pages = [page for page in self._free_pages if page < keep]
            heapq.heapify(self._free_pages)

    def clear_free_pages(self) -> None:
        """Zeroes the pages that nobody owns.

        Attention multiplies a page's tokens that are not written yet by zero: what was left there by numbers
        that overflowed would come through.
        """
        for tensor in (*self.pages.keys, *self.pages.values):
            free = torch.tensor(self._free_pages, dtype=torch.int64, device=tensor.device)
            with torch.inference_mode():  # in which the arena may have been made
                tensor.index_fill_(0, free, 0.0)

    @property
    def _arena_stays(self) -> bool:
        return self._keep_arena and self.open_branches > 0

    def _fits(self, more: int) -> bool:
        return self.budget_bytes is None or self.reserved_bytes + more <= self.budget_bytes

    def _state(self) -> str:
        kept = self.reserved_bytes - self.bytes_in_use
        return (
            f"of the budget of {self.budget_bytes} bytes {self.bytes_in_use} are in use and {kept} are free "
            "suffix pages"
        )

    def _open(self, branch: int) -> _OpenBranch:
        found = self._branches[branch] if 0 <= branch < len(self._branches) else None
        if found is None:
            raise ValueError(f"branch {branch} of the KV pool is not open")
        return found

    def _folds(self, length: int, readers: int | None) -> bool:
        if readers is None or self.layers[0].device.type != "cpu":
            return False
        tokens = -(-length // self.pages.page_tokens) * self.pages.page_tokens
        return costs_less_folded(tokens, readers, self.token_bytes / len(self.layers))

    def _allocate_folded(self, parent: NodeStorage | None, length: int) -> NodeStorage:
        firsts = range(0, length, self.pages.page_tokens)
        self.require_pages(len(firsts))
        if parent is not None:
            self.retain(parent)
        pages = tuple(self._take_page(NODE_PAGE, first=first) for first in firsts)
        return NodeStorage(parent, length, [], [], self.pages, pages)

    def _take_page(self, owner: int, *, first: int) -> int:
        page = heapq.heappop(self._free_pages)
        self.pages.owner[page] = owner
        self.pages.first[page] = first
        self.pages.version += 1
        self._count(self.page_bytes)
        return page

    def _free(self, pages: Sequence[int]) -> None:
        for page in pages:
            self.pages.owner[page] = FREE_PAGE
            heapq.heappush(self._free_pages, page)
        self.pages.version += 1
        self._count(-len(pages) * self.page_bytes)

    def _set_arena(self, size: int) -> None:
        """Makes the arena `size` pages large and keeps what its first pages hold."""
        pages = self.pages
        kept = min(size, pages.capacity)
        for index, layer in enumerate(self.layers):
            keys, values = layer.zero_pages(size, pages.page_tokens)
            if kept:
                keys[:kept], values[:kept] = pages.keys[index][:kept], pages.values[index][:kept]
            pages.keys[index : index + 1], pages.values[index : index + 1] = [keys], [values]
        pages.owner = _grown(pages.owner[:kept], size, fill=FREE_PAGE)
        pages.first = _grown(pages.first[:kept], size, fill=0)
        pages.version += 1

    def _count(self, change: int) -> None:
        self.bytes_in_use += change
        self.peak_bytes = max(self.peak_bytes, self.bytes_in_use)


def _check_live(node: NodeStorage) -> None:
    if not node.users:
        raise ValueError(f"the node at position {node.start} ({node.length} tokens) was freed before")


def _grown(array: IntArray, size: int, *, fill: int) -> IntArray:
    return np.concatenate([array, np.full(size - len(array), fill, dtype=np.int64)])
