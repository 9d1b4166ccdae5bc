"""How many samples are decoded at once under the budget of the KV pool.

A sample is admitted when the nodes that it misses fit beside the pages that it and all rows are expected to
take until they end. What to expect is learnt from the samples that have ended; at first it is the limit of
tokens, as if `_PRIOR_SAMPLES` had reached it, so that early, short samples count for little. A row that has
outlived the expectation is expected to grow by half. An expectation that was too low costs preemptions, one
that was too high leaves memory idle; neither changes what is drawn.
"""

from __future__ import annotations

import numpy as np

from tree_attention import KvPool
from tree_attention.kv_storage import IntArray

_PRIOR_SAMPLES = 8


class Admission:
    """Expects what samples will need of the pool."""

    def __init__(self, pool: KvPool, max_new_tokens: int) -> None:
        self._pool = pool
        self._most = max_new_tokens
        self._samples = _PRIOR_SAMPLES
        self._tokens = _PRIOR_SAMPLES * max_new_tokens

    def learn(self, tokens: int) -> None:
        """Takes note of a sample that has ended with so many tokens."""
        self._samples += 1
        self._tokens += tokens

    def bytes_to_come(self, counts: IntArray, fed: IntArray) -> int:
        """Bytes of the pages that samples are expected to take yet.

        Args:
            counts: `[samples]`, tokens drawn so far.
            fed: `[samples]`, tokens that have a place in the suffix already.
        """
        page = self._pool.pages.page_tokens
        grown = counts + np.maximum(counts // 2, page)
        total = np.minimum(np.maximum(grown, -(-self._tokens // self._samples)), self._most)
        pages = pages_of(total, page) - -(-fed // page)
        return int(np.maximum(pages, 0).sum()) * self._pool.page_bytes


def pages_of(tokens: IntArray, page_tokens: int) -> IntArray:
    """Suffix pages of samples that end with so many tokens; the last one is never stored."""
    return -(-(tokens - 1) // page_tokens)


def suffix_bytes(pool: KvPool, max_new_tokens: int) -> int:
    """The most that the suffix of one sample takes."""
    return int(pages_of(np.array(max_new_tokens), pool.pages.page_tokens)) * pool.page_bytes


def pages_to_reserve(pool: KvPool, rows: int, max_new_tokens: int, node_bytes: int) -> int:
    """Pages of an arena that need not grow: for all rows, but nodes are left room up to half of the budget.

    Args:
        pool: from which nothing is in use.
        rows: samples decoded at once.
        max_new_tokens: of each.
        node_bytes: of all nodes of the call.
    """
    wanted = rows * int(pages_of(np.array(max_new_tokens), pool.pages.page_tokens))
    if pool.budget_bytes is None or not pool.page_bytes:
        return wanted
    return min(wanted, (pool.budget_bytes - min(node_bytes, pool.budget_bytes // 2)) // pool.page_bytes)
