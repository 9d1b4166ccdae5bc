"""What a KV pool consists of: the shape of a layer, the storage of a node, and the pages of suffixes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

IntArray = npt.NDArray[np.int64]

FREE_PAGE = -1
NODE_PAGE = -2


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

    def empty(self, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Uninitialised keys and values of a node, `[kv_heads, tokens, key_dim | value_dim]`."""
        keys = torch.empty(self.kv_heads, tokens, self.key_dim, dtype=self.dtype, device=self.device)
        return keys, keys.new_empty(self.kv_heads, tokens, self.value_dim)

    def zero_pages(self, pages: int, page_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Zeros for an arena, `[pages, kv_heads, page_tokens, key_dim | value_dim]`.

        Attention reads free pages and multiplies what it finds there by zero: it must be finite.
        """
        shape = (pages, self.kv_heads, page_tokens)
        keys = torch.zeros(*shape, self.key_dim, dtype=self.dtype, device=self.device)
        return keys, keys.new_zeros(*shape, self.value_dim)


@dataclass(eq=False)
class NodeStorage:
    """The keys and values of one node.

    `keys[layer]`: `[kv_heads, length, key_dim]`; `values[layer]`: `[kv_heads, length, value_dim]`. Both are
    empty once the node is freed, and of a folded node, which lies in `pages` of the `arena`.
    """

    parent: NodeStorage | None = field(repr=False)
    length: int  # tokens
    keys: list[torch.Tensor] = field(repr=False)
    values: list[torch.Tensor] = field(repr=False)
    arena: SuffixPages | None = field(default=None, repr=False)
    pages: tuple[int, ...] = ()  # in the order of the tokens
    start: int = field(init=False)  # position of its first token
    depth: int = field(init=False)  # nodes above it
    users: int = 1

    def __post_init__(self) -> None:
        self.start = 0 if self.parent is None else self.parent.end
        self.depth = 0 if self.parent is None else self.parent.depth + 1

    @property
    def end(self) -> int:
        """Position after its last token."""
        return self.start + self.length

    def read(self, layer: int, lo: int, hi: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of tokens `[lo, hi)`, `[kv_heads, tokens, key_dim | value_dim]`."""
        if self.arena is None:
            return self.keys[layer][:, lo:hi], self.values[layer][:, lo:hi]
        pages = list(self.pages)
        keys = self.arena.keys[layer][pages].transpose(0, 1).flatten(1, 2)
        values = self.arena.values[layer][pages].transpose(0, 1).flatten(1, 2)
        return keys[:, lo:hi], values[:, lo:hi]

    def write(self, layer: int, lo: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores tokens from `lo` on: `[tokens, kv_heads, key_dim | value_dim]`."""
        hi = lo + len(keys)
        if self.arena is None:
            self.keys[layer][:, lo:hi] = keys.transpose(0, 1)
            self.values[layer][:, lo:hi] = values.transpose(0, 1)
            return
        tokens = np.arange(lo, hi)
        size = self.arena.page_tokens
        page, offset = torch.from_numpy(np.array(self.pages)[tokens // size]), torch.from_numpy(tokens % size)
        self.arena.keys[layer][page, :, offset] = keys
        self.arena.values[layer][page, :, offset] = values


@dataclass
class SuffixPages:
    """The arena of suffix pages of all layers and who owns which page.

    `keys[layer]`: `[capacity, kv_heads, page_tokens, key_dim]`; `values[layer]` likewise. `owner` and
    `first` are `[capacity]`: the branch that holds a page (or FREE_PAGE, or NODE_PAGE for one of a folded
    node) and the index, within that branch's suffix or that node, of the page's first token.
    """

    page_tokens: int
    keys: list[torch.Tensor] = field(repr=False)
    values: list[torch.Tensor] = field(repr=False)
    owner: IntArray = field(repr=False)
    first: IntArray = field(repr=False)
    version: int = 0  # changes whenever `owner` or the arena does

    @property
    def capacity(self) -> int:
        """Pages of the arena."""
        return len(self.owner)
