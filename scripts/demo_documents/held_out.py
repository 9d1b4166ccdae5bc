"""Combinations of blocks that no training document shows, so that bundled problems may ask for them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

_SHARE = 8  # one in so many ordered pairs of neighbouring blocks is held out


def is_held_out_pair(first: str, second: str) -> bool:
    """Whether the block `second` directly after `first` is held out; a fixed pseudo-random choice by name."""
    return hashlib.sha256(f"{first}>{second}".encode()).digest()[0] % _SHARE == 0


def is_held_out(operations: Sequence[str]) -> bool:
    """Whether a sequence of blocks contains a pair that is held out."""
    return any(is_held_out_pair(a, b) for a, b in itertools.pairwise(operations))
