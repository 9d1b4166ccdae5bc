"""One point of the decode grid: all decoders in turn, round by round, against the floor and each other.

Decoders and the machine's rates are measured in turn within a round, and compared within it, so that what
else the machine does meanwhile touches all of them alike; the medians of the rounds' quotients are reported.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from benchmarking.decoders import LEAST_STEPS, WARM_UP, Decoder, Point
from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples, measure_rates
from benchmarking.results import Row
from benchmarking.roofline import decode_seconds

OURS, CEILING = "tree", "no_attention"
GENERATED = 64  # tokens a row of a whole generation
_ROW_MULTIPLE = 4  # the engine pads batches to it, so that smaller ones are not measured


@dataclass(frozen=True)
class Settings:
    """How points are measured."""

    device: torch.device
    dtype: torch.dtype
    memory: int  # bytes that a decoder may take beside the weights
    rounds: int = 3
    seconds: float = 30.0  # that a decoder may take for the steps of a round
    generation_seconds: float = 0.0  # generate GENERATED tokens a row where that takes no longer
    most_rows: int = 4096  # of a point at each decoder's largest batch
    quick: bool = False  # small products and copies for the machine's rates


@dataclass
class Measured:
    """A decoder's rounds at a point."""

    rows: int
    rounds: list[Samples] = field(default_factory=list)
    generation: Samples | None = None  # of GENERATED steps, from an empty suffix

    @property
    def row_seconds(self) -> list[float]:
        """The median step of each round, a row."""
        return [samples.median / self.rows for samples in self.rounds]

    def as_json(self) -> Row:
        """All that is about this decoder alone."""
        steps = Samples(tuple(second for samples in self.rounds for second in samples.seconds))
        found: Row = {
            "rows": self.rows,
            "step": steps.as_json(),
            "tokens_per_second": round(1 / statistics.median(self.row_seconds), 1),
        }
        if self.generation is not None:
            per_row = len(self.generation.seconds) / sum(self.generation.seconds)
            found["generation_tokens_per_second"] = round(self.rows * per_row, 1)
        return found


def rows_for(decoder: Decoder, point: Point, rates: Rates, settings: Settings) -> int:
    """The rows that a decoder is measured at: the point's, or fewer where memory or time do not suffice.

    Fewer rows favour the decoder or do nothing to it: its time is compared a row.
    """
    fitting = decoder.rows_that_fit(point, settings.memory)
    rows = min(settings.most_rows if point.batch is None else point.batch, fitting)
    while rows > 1 and _least_seconds(decoder, point, rows, rates) > settings.seconds:
        rows = rows * 3 // 4
    return rows if rows == point.batch or rows < _ROW_MULTIPLE else rows - rows % _ROW_MULTIPLE


def expected_minutes(decoders: Sequence[Decoder], point: Point, rates: Rates, settings: Settings) -> float:
    """About how long a point takes."""
    seconds = 1.0  # the machine's rates
    for decoder in decoders:
        step = decoder.expected_seconds(point, max(1, rows_for(decoder, point, rates, settings)), rates)
        seconds += min((WARM_UP + point.steps) * step, settings.seconds) + 0.5
    return settings.rounds * seconds / 60


def measure_point(
    point: Point, decoders: Sequence[Decoder], shape: ModelShape, rates: Rates, settings: Settings
) -> Row:
    """All decoders at a point, our own before the ceiling; `rates`, found before, bound their rows."""
    measured, refused = _all_rows(point, decoders, rates, settings)
    found: list[Rates] = []
    for _ in range(settings.rounds):
        found.append(measure_rates(settings.device, settings.dtype, quick=settings.quick))
        for decoder in decoders:
            if decoder.name in measured and not _run_round(decoder, point, measured[decoder.name], settings):
                refused[decoder.name] = f"out of memory at {measured.pop(decoder.name).rows} rows"
            if decoder.name == OURS and {OURS, CEILING} <= measured.keys():
                measured[CEILING].rows = measured[OURS].rows  # it is the floor's first part
    for decoder in decoders:
        if decoder.name in measured:
            _generate(decoder, point, measured[decoder.name], settings)
    systems = {name: one.as_json() for name, one in measured.items()}
    systems |= {name: {"refused": reason} for name, reason in refused.items()}
    return {
        "flops_per_second": statistics.median(one.flops for one in found),
        "bytes_per_second": statistics.median(one.bytes for one in found),
        "systems": systems,
        **_against_floor(point, measured, shape, found, settings.dtype),
        "speed_over": _speed_over(measured),
    }


def _least_seconds(decoder: Decoder, point: Point, rows: int, rates: Rates) -> float:
    return (WARM_UP + LEAST_STEPS) * decoder.expected_seconds(point, rows, rates)


def _all_rows(
    point: Point, decoders: Sequence[Decoder], rates: Rates, settings: Settings
) -> tuple[dict[str, Measured], dict[str, str]]:
    measured: dict[str, Measured] = {}
    refused: dict[str, str] = {}
    for decoder in decoders:
        rows = rows_for(decoder, point, rates, settings)
        if rows:
            measured[decoder.name] = Measured(rows)
        else:
            refused[decoder.name] = f"not a row fits into {settings.memory / 2**30:.1f} GiB"
    return measured, refused


def _run_round(decoder: Decoder, point: Point, measured: Measured, settings: Settings) -> bool:
    """Whether there was memory enough; in the first round fewer rows are tried."""
    while True:
        try:
            measured.rounds.append(decoder.run(point, measured.rows, settings.seconds))
            return True
        except torch.OutOfMemoryError:
            if measured.rounds or measured.rows <= _ROW_MULTIPLE:
                return False
            measured.rows = max(_ROW_MULTIPLE, measured.rows * 3 // 4 // _ROW_MULTIPLE * _ROW_MULTIPLE)
        finally:
            if settings.device.type == "cuda":
                gc.collect()  # the memory of graphs, before the next decoder takes it
                torch.cuda.empty_cache()


def _generate(decoder: Decoder, point: Point, measured: Measured, settings: Settings) -> None:
    expected = GENERATED * statistics.median(measured.row_seconds) * measured.rows
    if expected <= settings.generation_seconds:
        whole = replace(point, suffix=GENERATED // 2, steps=GENERATED)
        measured.generation = decoder.run(whole, measured.rows, 10 * settings.generation_seconds)


def _against_floor(
    point: Point,
    measured: Mapping[str, Measured],
    shape: ModelShape,
    rates: Sequence[Rates],
    dtype: torch.dtype,
) -> Row:
    """Floor over time of our own decoder; empty where it or its no-attention step was not measured."""
    if OURS not in measured or CEILING not in measured or measured[OURS].rows != measured[CEILING].rows:
        return {}
    ours, rows = measured[OURS], measured[OURS].rows
    nodes, suffixes = [(point.prefix, rows)], [point.suffix] * rows
    attention = [decode_seconds(nodes, suffixes, shape, shape.token_bytes(dtype), one) for one in rates]
    rest = [samples.median for samples in measured[CEILING].rounds]
    times = [samples.median for samples in ours.rounds]
    triples = list(zip(attention, rest, times, strict=True))
    return {
        "attention_floor_ms": round(1e3 * statistics.median(attention), 4),
        "floor_ms": round(1e3 * statistics.median(a + r for a, r, _ in triples), 4),
        "floor_over_time": round(statistics.median((a + r) / t for a, r, t in triples), 4),
        "ceiling_over_time": round(statistics.median(r / t for _, r, t in triples), 4),
    }


def _speed_over(measured: Mapping[str, Measured]) -> dict[str, float]:
    """How many times the tokens a second of each other decoder, a row for a row."""
    if OURS not in measured:
        return {}
    ours = measured[OURS].row_seconds
    return {
        name: round(statistics.median(t / o for t, o in zip(other.row_seconds, ours, strict=True)), 3)
        for name, other in measured.items()
        if name not in (OURS, CEILING)
    }
