"""What every timed decoder is to the benchmarks: the contract, the point it is timed at, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch

from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples, synchronize

WARM_UP = 2  # steps before the timed ones: first touches of memory, kernels, graphs
LEAST_STEPS = 2  # timed even where they take longer than allowed


@dataclass(frozen=True)
class Point:
    """A batch of samples that share one prefix, each with its own suffix."""

    batch: int | None  # None: as many as fit
    prefix: int  # tokens
    suffix: int  # tokens of each sample halfway through the timed steps
    steps: int

    @property
    def first_length(self) -> int:
        """Tokens in a suffix before the first step, warm-up included."""
        return max(1, self.suffix - self.steps // 2 - WARM_UP)

    @property
    def last_length(self) -> int:
        """Tokens in a suffix after the last step."""
        return self.first_length + WARM_UP + self.steps


class Decoder(Protocol):
    """Decodes random tokens at a point, and says how long each step took.

    A step is all that turns the batch's newest tokens into the next: the model's forward call, sampling at
    temperature 1 without filters, and what its owner does around them.
    """

    name: str

    def rows_that_fit(self, point: Point, memory: int) -> int:
        """The largest batch for which `memory` bytes suffice beside the model's weights; may be 0."""
        ...

    def expected_seconds(self, point: Point, rows: int, rates: Rates) -> float:
        """About how long a step takes; right within a factor of a few."""
        ...

    def run(self, point: Point, rows: int, seconds: float) -> Samples:
        """Times the point's steps at `rows` rows, fewer of them when they take longer than `seconds`."""
        ...


class Clock:
    """Collects the durations of steps until there are enough, or time is up."""

    def __init__(self, device: torch.device | None, steps: int, seconds: float) -> None:
        """With a device, its work is waited for at the end of every step."""
        self._device = device
        self._steps = steps
        self._deadline = time.perf_counter() + seconds
        self._stamps: list[float] = []

    def stamp(self) -> bool:
        """Notes the end of a step (the first call: the beginning of all); says whether to go on."""
        if self._device is not None:
            synchronize(self._device)
        self._stamps.append(time.perf_counter())
        done = len(self._stamps) - 1 - WARM_UP
        return done < LEAST_STEPS or (done < self._steps and self._stamps[-1] < self._deadline)

    def samples(self) -> Samples:
        """The durations after the warm-up."""
        return Samples(tuple(end - begin for begin, end in pairwise(self._stamps[WARM_UP:])))


def time_steps(
    step: Callable[[], object], device: torch.device | None, point: Point, seconds: float
) -> Samples:
    """Times calls of `step`; `device` as for `Clock`."""
    clock = Clock(device, point.steps, seconds)
    while clock.stamp():
        step()
    return clock.samples()


def linear_seconds(shape: ModelShape, dtype: torch.dtype, rows: int, rates: Rates) -> float:
    """The least time of a step's matrix products with the weights."""
    return rates.seconds(moved=shape.parameters * dtype.itemsize, computed=2 * shape.parameters * rows)


def working_bytes(shape: ModelShape, dtype: torch.dtype) -> int:
    """A generous bound of the activations of one row: logits in three copies, and a layer's tensors."""
    return 3 * 4 * shape.vocabulary + 8 * dtype.itemsize * (shape.hidden + shape.intermediate)
