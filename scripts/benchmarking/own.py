"""Our own decoder at a point, in each of the engine's attention modes, by the engine's own runner."""

from __future__ import annotations

import sys

import numpy as np
import torch

from benchmarking.decoders import Point, linear_seconds, time_steps, working_bytes
from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples, synchronize
from benchmarking.roofline import decode_seconds
from sampler.core import SamplingParams
from sampler.engine.call_shapes import FREE
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.philox import stream_words
from sampler.engine.runner import Batch
from sampler.engine.tensor_parallel import RankGroup
from sampler.engine.tree_decoder import TreeDecoder
from tree_attention import KvPool, OpenedModel

MODES = ("tree", "per_sequence", "no_attention")  # with one prefix for all, single_level is tree
_PARAMS = SamplingParams(temperature=1.0, top_p=1.0)


class OwnDecoder:
    """Decoding steps on a pool whose prefix and suffixes hold random keys and values."""

    def __init__(self, opened: OpenedModel, shape: ModelShape, mode: str) -> None:
        """`mode` is one of MODES; `opened` is a model of the shape `shape`."""
        self.name = mode
        self._shape = shape
        self._opened = opened

    def rows_that_fit(self, point: Point, memory: int) -> int:
        """See `Decoder`."""
        dtype = self._opened.layers[0].dtype
        token_bytes = self._shape.token_bytes(dtype)
        per_row = token_bytes * (point.last_length + 16) + working_bytes(self._shape, dtype)
        return max(0, memory - token_bytes * point.prefix) // per_row

    def expected_seconds(self, point: Point, rows: int, rates: Rates) -> float:
        """See `Decoder`."""
        dtype = self._opened.layers[0].dtype
        nodes, suffixes = [(point.prefix, rows)], [point.suffix] * rows
        if self.name == "per_sequence":
            nodes = [(point.prefix, 1)] * rows
        elif self.name == "no_attention":
            nodes, suffixes = [], []
        attention = decode_seconds(nodes, suffixes, self._shape, self._shape.token_bytes(dtype), rates)
        return linear_seconds(self._shape, dtype, rows, rates) + attention

    @torch.inference_mode()
    def run(self, point: Point, rows: int, seconds: float) -> Samples:
        """See `Decoder`. The host runs ahead of an accelerator as far as the runner wants it to."""
        decoder = TreeDecoder(self._opened, ATTENTION_MODES[self.name], FREE, RankGroup(), sys.maxsize)
        runner = decoder.runner(_PARAMS)
        runner.begin(random_batch(decoder.pool, point, rows, self._opened.tree_model.vocabulary))

        def step() -> None:
            while runner.in_flight <= runner.ahead:
                runner.launch()
            runner.collect()

        samples = time_steps(step, None, point, seconds)
        runner.abandon()
        synchronize(self._opened.tree_model.device)  # before the memory of the last steps is given back
        return samples


def random_batch(pool: KvPool, point: Point, rows: int, vocabulary: int) -> Batch:
    """Rows that share a prefix and have a suffix each, all random, as if they had been decoded so far."""
    node = pool.allocate_node(None, point.prefix, readers=rows)
    branches = np.array([pool.open_branch(node) for _ in range(rows)], dtype=np.int64)
    pages = -(-(point.last_length + 2) // pool.pages.page_tokens)
    pool.reserve_pages(rows * pages)
    for length in range(point.first_length):
        pool.extend_branches(branches, np.full(rows, length, dtype=np.int64))
    for tensor in (*node.keys, *node.values, *pool.pages.keys, *pool.pages.values):
        tensor.normal_()
    return Batch(
        leaves=[node] * rows,
        branches=branches,
        tokens=np.arange(rows, dtype=np.int64) % vocabulary,
        positions=np.full(rows, point.prefix + point.first_length, dtype=np.int64),
        lengths=np.full(rows, point.first_length, dtype=np.int64),
        streams=np.array([stream_words("benchmark", row) for row in range(rows)], dtype=np.uint64).T,
    )
