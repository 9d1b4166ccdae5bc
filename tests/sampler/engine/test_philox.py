"""Philox gives the published numbers, and a number depends on its key and counter alone."""

from __future__ import annotations

import numpy as np
import pytest

from sampler.engine.philox import philox4x32, stream_words, uniforms

# Known answers of Random123 (kat_vectors, philox4x32 with 10 rounds): counter, key, result.
KNOWN = [
    ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        (0xA4093822, 0x299F31D0),
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: list[int], key: tuple[int, int], expected: list[int]) -> None:
    counters = np.array([counter, [1, 2, 3, 4]], dtype=np.uint64).T  # beside another
    assert philox4x32(counters, key)[:, 0].tolist() == expected


def streams(*words: tuple[int, int, int]) -> np.ndarray:
    return np.array(words, dtype=np.uint64).T


def test_uniforms_do_not_depend_on_their_neighbours() -> None:
    words = [stream_words("p", i) for i in range(50)]
    steps = np.arange(50, dtype=np.int64)
    together = uniforms(9, streams(*words), steps)
    order = np.random.default_rng(0).permutation(50)
    apart = uniforms(9, streams(*[words[i] for i in order]), steps[order])
    assert np.array_equal(apart, together[order])


def test_seed_prompt_sample_and_step_all_matter() -> None:
    base = uniforms(1, streams(stream_words("p", 0)), np.array([0]))[0]
    others = [
        uniforms(2, streams(stream_words("p", 0)), np.array([0]))[0],
        uniforms(1 + 2**32, streams(stream_words("p", 0)), np.array([0]))[0],
        uniforms(1, streams(stream_words("q", 0)), np.array([0]))[0],
        uniforms(1, streams(stream_words("p", 1)), np.array([0]))[0],
        uniforms(1, streams(stream_words("p", 0)), np.array([1]))[0],
    ]
    assert len({base, *others}) == 6


def test_uniforms_are_uniform() -> None:
    count = 40_000
    found = uniforms(3, streams(*[stream_words("p", i) for i in range(200)] * 200), np.arange(count) // 200)
    assert found.min() >= 0
    assert found.max() < 1
    observed, _ = np.histogram(found, bins=50, range=(0, 1))
    chi_square = ((observed - count / 50) ** 2 / (count / 50)).sum()
    assert chi_square < 90  # 49 degrees of freedom: 85.4 at p = 0.001


def test_any_text_is_a_prompt_id() -> None:
    assert stream_words("\ud800", 5) != stream_words("\ud801", 5)
    assert stream_words("p", 5)[0] == 5


@pytest.mark.parametrize("index", [-1, 2**32])
def test_sample_index_is_checked(index: int) -> None:
    with pytest.raises(ValueError, match=f"sample index {index} of prompt 'p'"):
        stream_words("p", index)
