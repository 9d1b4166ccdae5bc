"""Counter-based random numbers: Philox4x32-10, vectorised.

J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC11. A number is a
function of a key and a counter alone: here the run's seed is the key, and (step, sample index, prompt) is
the counter. So a sample's random numbers depend neither on the batch it is drawn in nor on what was drawn
before.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]  # 32-bit words, held in 64 bits for the products

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Four random words for each counter.

    Args:
        counter: `[4, n]`, words below 2**32.
        key: two words below 2**32.

    Returns:
        `[4, n]`, words below 2**32.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c2 = (product1 >> _SHIFT) ^ c1 ^ np.uint64(k0), (product0 >> _SHIFT) ^ c3 ^ np.uint64(k1)
        c1, c3 = product1 & _LOW, product0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


def stream_words(prompt_id: str, sample_index: int) -> tuple[int, int, int]:
    """The counter words of a sample: its index, and 64 bits of the SHA-256 of its prompt's id.

    Raises:
        ValueError: the index is not from 0 to 2**32 - 1.
    """
    if not 0 <= sample_index < 2**32:
        raise ValueError(f"sample index {sample_index} of prompt {prompt_id!r} is not from 0 to 2**32 - 1")
    digest = hashlib.sha256(prompt_id.encode("utf-8", "surrogatepass")).digest()
    return sample_index, int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def uniforms(seed: int, streams: Words, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """One number in [0, 1) of 53 random bits for every row.

    Args:
        seed: the run's seed, below 2**64.
        streams: `[3, n]`, each column as from `stream_words`.
        steps: `[n]`, the index of the token that each row draws.
    """
    counter = np.concatenate([steps.astype(np.uint64)[None] & _LOW, streams])
    high, low, _, _ = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
    bits = ((high >> np.uint64(5)) << np.uint64(26)) | (low >> np.uint64(6))
    numbers: npt.NDArray[np.float64] = bits.astype(np.float64) * 2.0**-53
    return numbers
