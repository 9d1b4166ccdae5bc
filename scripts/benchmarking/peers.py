"""What others offer for the same job: transformers' `generate` and `generate_batch`."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import Any

import torch
from transformers import (
    ContinuousBatchingConfig,
    DynamicCache,
    GenerationConfig,
    PreTrainedModel,
    StaticCache,
    StoppingCriteria,
    StoppingCriteriaList,
)

from benchmarking.decoders import LEAST_STEPS, WARM_UP, Clock, Point, linear_seconds, working_bytes
from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples

_PAGE = 256  # tokens of a page of generate_batch, its default
_MOST_STEPS = 4  # of generate_batch in a round
_SAMPLED: dict[str, Any] = {
    "do_sample": True,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "pad_token_id": 0,
}


class HfGenerate:
    """`generate` on a cache that holds the prefix for every row: `hf_dynamic` or `hf_static`.

    The prefix is given, as after one prefill whose cache was expanded; keys and values are random.
    """

    def __init__(self, model: PreTrainedModel, shape: ModelShape, *, static: bool) -> None:
        self.name = "hf_static" if static else "hf_dynamic"
        self._model = model
        self._shape = shape
        self._static = static

    def rows_that_fit(self, point: Point, memory: int) -> int:
        """See `Decoder`. Beside the cache stand copies of one layer's part, also for each query head."""
        dtype, shape = self._model.dtype, self._shape
        copies = 1 + (2 + shape.query_heads / shape.kv_heads) / shape.layers
        cache = shape.token_bytes(dtype) * (point.prefix + point.last_length) * copies
        return int(memory / (cache + working_bytes(shape, dtype)))

    def expected_seconds(self, point: Point, rows: int, rates: Rates) -> float:
        """See `Decoder`. The dynamic cache is read, written and read again, as it grows by concatenation."""
        dtype, shape = self._model.dtype, self._shape
        moved = shape.token_bytes(dtype) * (point.prefix + point.suffix) * rows
        passes = 1 if self._static else 3
        return linear_seconds(shape, dtype, rows, rates) + passes * moved / rates.bytes

    @torch.inference_mode()
    def run(self, point: Point, rows: int, seconds: float) -> Samples:
        """See `Decoder`."""
        past = point.prefix + point.first_length
        new = point.steps + WARM_UP + 1  # the first ends where the clock begins
        tokens = torch.zeros(rows, past + 1, dtype=torch.int64, device=self._model.device)
        clock = Clock(self._model.device, point.steps, seconds)
        self._model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            past_key_values=self._cache(rows, past, past + new + 1),
            generation_config=GenerationConfig(max_new_tokens=new, **_SAMPLED),
            stopping_criteria=StoppingCriteriaList([_StampEachToken(clock)]),
        )
        return clock.samples()

    def _cache(self, rows: int, past: int, capacity: int) -> DynamicCache | StaticCache:
        shape, model = self._shape, self._model
        cache = StaticCache(model.config, capacity) if self._static else DynamicCache()
        for layer in range(shape.layers):
            pair = torch.randn(
                2, 1, shape.kv_heads, past, shape.head_dim, device=model.device, dtype=model.dtype
            )
            cache.update(*(tensor.expand(rows, -1, -1, -1) for tensor in pair), layer)
        return cache


class _StampEachToken(StoppingCriteria):
    """Called after every token of `generate`: tells the clock, and stops when that says so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), not self._clock.stamp(), device=input_ids.device)


class HfGenerateBatch:
    """`generate_batch`, transformers' continuous batching: `hf_batch`.

    One prompt, forked into `rows` samples, so that complete pages of it are stored once. Without a flash
    kernel its attention is packed: every row meets the keys of all rows, most of them masked, so a step's
    work grows with the square of the rows.
    """

    name = "hf_batch"

    def __init__(self, model: PreTrainedModel, shape: ModelShape) -> None:
        self._model = model
        self._shape = shape

    def rows_that_fit(self, point: Point, memory: int) -> int:
        """See `Decoder`. A layer's keys are gathered for all rows, once for each query head."""
        dtype, shape = self._model.dtype, self._shape
        tokens = point.prefix + point.last_length
        layer = shape.query_heads * shape.head_dim * dtype.itemsize * tokens * 4
        own = shape.token_bytes(dtype) * 2 * _PAGE + working_bytes(shape, dtype)
        return int(max(0, memory - shape.token_bytes(dtype) * tokens) / (layer + own))

    def expected_seconds(self, point: Point, rows: int, rates: Rates) -> float:
        """See `Decoder`."""
        dtype, shape = self._model.dtype, self._shape
        packed = rows if self._model.device.type == "cpu" else 1
        pairs = rows * packed * (point.prefix + point.suffix)
        attention = rates.seconds(
            moved=3 * shape.token_bytes(dtype) * rows * (point.prefix + point.suffix),
            computed=shape.pair_flops * pairs,
        )
        return linear_seconds(shape, dtype, rows, rates) + attention

    def run(self, point: Point, rows: int, seconds: float) -> Samples:
        """See `Decoder`. It has no hook to stop at when time is up, and so makes few steps at most."""
        del seconds
        past = point.prefix + point.first_length
        new = min(point.steps, _MOST_STEPS) + WARM_UP + 1
        generation = GenerationConfig(
            max_new_tokens=new, num_return_sequences=rows, eos_token_id=-1, **_SAMPLED
        )
        batching = ContinuousBatchingConfig(
            num_blocks=-(-past // _PAGE) + rows * (2 + -(-new // _PAGE)), max_batch_tokens=max(512, rows)
        )
        logging.getLogger("ContinuousBatchingLogger").setLevel(logging.CRITICAL)
        found = self._model.generate_batch(
            [[1] * past],
            generation_config=generation,
            continuous_batching_config=batching,
            record_timestamps=True,
        )
        finished = [output for output in found.values() if output.error is None and output.timestamps]
        if len(finished) < rows:
            raise RuntimeError(f"generate_batch finished {len(finished)} of {rows} samples")
        return _steps_between(min(finished, key=lambda output: output.timestamps[0]).timestamps)


def _steps_between(timestamps: list[float]) -> Samples:
    steps = [end - begin for begin, end in pairwise(timestamps)][WARM_UP:]
    assert len(steps) >= LEAST_STEPS
    return Samples(tuple(steps))
