"""Where keys and values live: each node's once, and each branch's suffix in pages.

Theory of operation. Two kinds of storage, because they are read in two ways:

- A *node* (a span of a prompt) is written once, read by every branch below it, and freed as a whole. It
  gets one contiguous tensor a layer, `[kv_heads, tokens, head_dim]`, which a matrix product reads without a
  gather.
- A *suffix* (what a branch has generated) grows by one token a step. It lives in pages of `page_tokens`
  tokens, taken from an arena when the branch reaches them and given back the moment it ends. The arena of a
  layer is `[pages, kv_heads, page_tokens, head_dim]`: attention reads all pages in place, each on behalf of
  the branch that owns it, so nothing is gathered or padded to the longest branch. A page is the same index
  in every layer. The lowest free page is handed out first, which keeps the pages in use together.

Nothing is freed behind the caller's back: whoever allocates a node or opens a branch frees or closes it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerShape:
    """What one attention layer stores for a token. Layers of a model may differ."""

    kv_heads: int
    key_dim: int
    value_dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's keys and values."""
        return self.kv_heads * (self.key_dim + self.value_dim) * self.dtype.itemsize

    def empty(self, *lead: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Uninitialised keys and values, `[*lead, kv_heads, tokens, key_dim | value_dim]`."""
        shape = (*lead, self.kv_heads, tokens)
        keys = torch.empty(*shape, self.key_dim, dtype=self.dtype, device=self.device)
        return keys, torch.empty(*shape, self.value_dim, dtype=self.dtype, device=self.device)


@dataclass(eq=False)
class NodeStorage:
    """The keys and values of one node.

    `keys[layer]`: `[kv_heads, length, key_dim]`; `values[layer]`: `[kv_heads, length, value_dim]`. Once
    freed, both are empty.
    """

    start: int  # position of its first token
    length: int  # tokens
    keys: list[torch.Tensor] = field(repr=False)
    values: list[torch.Tensor] = field(repr=False)


@dataclass
class SuffixPages:
    """The arena of suffix pages of all layers and who owns which page.

    `keys[layer]`: `[capacity, kv_heads, page_tokens, key_dim]`; `values[layer]` likewise. `owner` and
    `first` are `[capacity]`: the branch that holds a page (-1: free) and the index, within that branch's
    suffix, of the page's first token.
    """

    page_tokens: int
    keys: list[torch.Tensor] = field(repr=False)
    values: list[torch.Tensor] = field(repr=False)
    owner: IntArray = field(repr=False)
    first: IntArray = field(repr=False)
    version: int = 0  # changes whenever `owner` does


class KvPool:
    """Keys and values of nodes and branches, counted to the byte.

    Attributes:
        layers: shape of each layer.
        pages: the suffix pages; read by attention, written through the pool only.
        bytes_in_use: bytes of all nodes and of all suffix pages that a branch owns.
        peak_bytes: the most that `bytes_in_use` has been.
    """

    def __init__(self, layers: Sequence[LayerShape], *, page_tokens: int = 16) -> None:
        """Makes an empty pool.

        Raises:
            ValueError: there is no layer, or `page_tokens` is below 1.
        """
        if not layers or page_tokens < 1:
            raise ValueError(
                f"a KV pool needs a layer and pages of a token at least: {len(layers)} layers, {page_tokens=}"
            )
        self.layers = tuple(layers)
        self.token_bytes = sum(layer.token_bytes for layer in layers)
        self.bytes_in_use = 0
        self.peak_bytes = 0
        arenas = [layer.empty(0, tokens=page_tokens) for layer in layers]
        no_pages = np.empty(0, dtype=np.int64)
        self.pages = SuffixPages(
            page_tokens, [k for k, _ in arenas], [v for _, v in arenas], no_pages, no_pages
        )
        self._free_pages: list[int] = []  # a heap
        self._free_branches: list[int] = []  # a heap
        self._branch_pages: list[list[int] | None] = []  # by branch; None: not open
        self._last_page: IntArray = np.empty(0, dtype=np.int64)  # by branch

    @property
    def reserved_bytes(self) -> int:
        """Bytes held from the system: those in use and the free suffix pages."""
        return self.bytes_in_use + len(self._free_pages) * self._page_bytes

    @property
    def open_branches(self) -> int:
        """Branches opened and not closed yet."""
        return len(self._branch_pages) - len(self._free_branches)

    def allocate_node(self, start: int, length: int) -> NodeStorage:
        """Storage, still unwritten, for a node of `length` tokens whose first is at position `start`.

        Raises:
            ValueError: `length` is below 1 or `start` below 0.
        """
        if length < 1 or start < 0:
            raise ValueError(f"a node holds at least one token from position 0 up; got {start=}, {length=}")
        pairs = [layer.empty(tokens=length) for layer in self.layers]
        self._count(length * self.token_bytes)
        return NodeStorage(start, length, [k for k, _ in pairs], [v for _, v in pairs])

    def free_node(self, node: NodeStorage) -> None:
        """Gives a node's storage back.

        Raises:
            ValueError: it has been freed before.
        """
        if not node.keys:
            raise ValueError(f"the node at position {node.start} ({node.length} tokens) was freed before")
        node.keys, node.values = [], []
        self._count(-node.length * self.token_bytes)

    def open_branch(self) -> int:
        """The number of a new branch, which owns no page yet. Closed branches' numbers are used again."""
        if self._free_branches:
            branch = heapq.heappop(self._free_branches)
        else:
            branch = len(self._branch_pages)
            self._branch_pages.append(None)
            if branch >= len(self._last_page):
                self._last_page = _grown(self._last_page, max(64, 2 * branch), fill=-1)
        self._branch_pages[branch] = []
        return branch

    def close_branch(self, branch: int) -> None:
        """Frees a branch's pages and its number.

        Raises:
            ValueError: it is not open.
        """
        pages = self._open_pages(branch)
        for page in pages:
            self.pages.owner[page] = -1
            heapq.heappush(self._free_pages, page)
        self.pages.version += 1
        self._branch_pages[branch] = None
        heapq.heappush(self._free_branches, branch)
        self._count(-len(pages) * self._page_bytes)

    def extend_branches(self, branches: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
        """Makes room for one more token on each branch.

        Args:
            branches: `[rows]`, open branches, none twice.
            lengths: `[rows]`, the tokens that each one's suffix holds so far.

        Returns:
            `(pages, offsets)`, each `[rows]`: where each branch's new token goes.

        Raises:
            ValueError: a branch that needs a page is not open.
        """
        offsets = lengths % self.pages.page_tokens
        for row in np.flatnonzero(offsets == 0):
            self._add_page(int(branches[row]), first=int(lengths[row]))
        return self._last_page[branches], offsets

    @property
    def _page_bytes(self) -> int:
        return self.pages.page_tokens * self.token_bytes

    def _open_pages(self, branch: int) -> list[int]:
        pages = self._branch_pages[branch] if 0 <= branch < len(self._branch_pages) else None
        if pages is None:
            raise ValueError(f"branch {branch} of the KV pool is not open")
        return pages

    def _add_page(self, branch: int, *, first: int) -> None:
        owned = self._open_pages(branch)
        if not self._free_pages:
            self._grow_arena()
        page = heapq.heappop(self._free_pages)
        owned.append(page)
        self._last_page[branch] = page
        self.pages.owner[page] = branch
        self.pages.first[page] = first
        self.pages.version += 1
        self._count(self._page_bytes)

    def _grow_arena(self) -> None:
        """Doubles the arena, so that copying costs a constant per page in the long run."""
        pages, old = self.pages, len(self.pages.owner)
        new = max(64, 2 * old)
        for index, layer in enumerate(self.layers):
            keys, values = layer.empty(new, tokens=pages.page_tokens)
            # Attention reads free pages and multiplies what it finds there by zero: it must be finite.
            keys[old:], values[old:] = 0, 0
            keys[:old], values[:old] = pages.keys[index], pages.values[index]
            pages.keys[index], pages.values[index] = keys, values
        pages.owner, pages.first = _grown(pages.owner, new, fill=-1), _grown(pages.first, new, fill=0)
        self._free_pages.extend(range(old, new))  # ascending and empty before: a heap

    def _count(self, change: int) -> None:
        self.bytes_in_use += change
        self.peak_bytes = max(self.peak_bytes, self.bytes_in_use)


def _grown(array: IntArray, size: int, *, fill: int) -> IntArray:
    return np.concatenate([array, np.full(size - len(array), fill, dtype=np.int64)])
