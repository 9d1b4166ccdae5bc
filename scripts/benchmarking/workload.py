"""A three-level tree of prompts, sampled through `Engine.generate`: few-shot root, problems, samples.

Like the competitive-programming experiment of Hydragen (arXiv 2402.05099, section 4.4): a few-shot prompt of
2400 tokens, problems below it, many samples of each, all of the same length.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from benchmarking.meter import logged_calls
from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples, measure_rates
from benchmarking.results import Row
from sampler.core import Prompt, SamplingParams
from sampler.engine import Engine

CEILING = "no_attention"
MODES = ("tree", "single_level", "per_sequence")
CONDITIONS = ("equal", "largest")
COLUMNS = (
    "model",
    "batch",
    "mode",
    "rows",
    "seconds",
    "of it prefill",
    "peak KV MiB",
    "floor/time",
    "tree's time",
)
_PAGE_SLACK = 16  # tokens: a branch's last page is not full


@dataclass(frozen=True)
class Workload:
    """The tree's sizes, in tokens."""

    root: int = 2400
    problems: int = 8
    shortest: int = 300
    longest: int = 600
    samples: int = 32  # of each problem
    new_tokens: int = 256  # of each sample

    @property
    def rows(self) -> int:
        """All samples."""
        return self.problems * self.samples

    @property
    def lengths(self) -> list[int]:
        """Tokens of the problems."""
        return [int(length) for length in np.linspace(self.shortest, self.longest, self.problems)]

    def prompts(self, vocabulary: int) -> list[Prompt]:
        """Random tokens; the problems differ from their first token on."""
        random = np.random.default_rng(0)
        root = random.integers(1, vocabulary, self.root).tolist()
        return [
            Prompt(
                f"problem {index}",
                token_ids=(*root, 1 + index, *random.integers(1, vocabulary, length - 1).tolist()),
                samples=self.samples,
            )
            for index, length in enumerate(self.lengths)
        ]

    def row_bytes(self, token_bytes: int, *, private: bool) -> int:
        """Keys and values of one sample, with the longest problem when it has its own copy of that."""
        own = self.longest if private else 0
        return (own + self.new_tokens + _PAGE_SLACK) * token_bytes

    def memory_for(self, rows: int, token_bytes: int) -> int:
        """Bytes that hold so many samples of `single_level`."""
        return self.root * token_bytes + rows * self.row_bytes(token_bytes, private=True)

    def rows_in(self, memory: int, token_bytes: int, *, private: bool) -> int:
        """Samples that fit together: with `private` copies of the problems, as in `single_level`, or not."""
        shared = self.root + (0 if private else sum(self.lengths))
        room = max(0, memory - shared * token_bytes)
        return min(self.rows, room // self.row_bytes(token_bytes, private=private))


@dataclass(frozen=True, eq=False)
class Bench:
    """The workload on one model."""

    workload: Workload
    model: PreTrainedModel
    tokenizer: Any
    shape: ModelShape
    memory: int  # bytes for keys and values
    quick: bool = False  # a small product and copy for the machine's rates

    @property
    def token_bytes(self) -> int:
        """Of keys and values."""
        return self.shape.token_bytes(self.model.dtype)

    def run(self, rounds: int) -> Row:
        """All modes at equal batch and at the largest that the memory allows, round by round.

        The equal batch is what `single_level` can hold. With the largest, the engine's own admission decides.

        Raises:
            ValueError: the memory does not hold a sample of `single_level`.
        """
        equal = self.workload.rows_in(self.memory, self.token_bytes, private=True)
        if not equal:
            raise ValueError(
                f"{self.memory / 2**30:.2f} GiB for keys and values do not hold one sample with a prompt of "
                f"its own, {self.workload.memory_for(1, self.token_bytes) / 2**30:.2f} GiB; raise --kv-memory"
            )
        # What no attention holds is not bounded: it gets the tree's batch, as the first part of its floor.
        fitting = self.workload.rows_in(self.memory, self.token_bytes, private=False)
        most = {"equal": equal, "largest": self.workload.rows}
        runs: dict[tuple[str, str], list[Row]] = {}
        for _ in range(rounds):
            rates = measure_rates(self.model.device, self.model.dtype, quick=self.quick)
            for condition in CONDITIONS:
                for mode in MODES:
                    one = self._one_run(mode, most[condition], rates)
                    runs.setdefault((condition, mode), []).append(one)
                ceiling = self._one_run(CEILING, min(most[condition], fitting), rates)
                runs.setdefault((condition, CEILING), []).append(ceiling)
        return {"equal_rows": equal, "kv_memory_bytes": self.memory, **_summary(runs)}

    def _one_run(self, mode: str, max_rows: int, rates: Rates) -> Row:
        """One run through `generate`, prefill included, by an engine of its own."""
        engine = Engine(self.model, self.tokenizer, attention=mode, max_rows=max_rows, kv_memory=self.memory)
        if self.model.device.type == "cuda":
            self._generate(engine, new_tokens=2)  # captures the graphs
        before = replace(engine.stats)
        with logged_calls(self.shape, self.token_bytes, rates) as log:
            tokens = self._generate(engine, self.workload.new_tokens)
        steps = engine.stats.steps - before.steps
        return {
            "seconds": engine.stats.seconds - before.seconds,
            "prefill_seconds": log.prefill_seconds,
            "prefill_tokens": engine.stats.prefilled_tokens - before.prefilled_tokens,
            "steps": steps,
            "mean_rows": (tokens - self.workload.rows) / max(1, steps),  # first tokens come with the prefill
            "kv_bytes_peak": engine.stats.kv_bytes_peak,
            "attention_floor_seconds": log.attention_floor if log.told >= steps else None,
        }

    def _generate(self, engine: Engine, new_tokens: int) -> int:
        params = SamplingParams(max_new_tokens=new_tokens, temperature=1.0, top_p=1.0)
        prompts = self.workload.prompts(self.shape.vocabulary)
        tokens = sum(len(completion.token_ids) for completion in engine.generate(prompts, params))
        if tokens != self.workload.rows * new_tokens:
            raise RuntimeError(f"the run drew {tokens} tokens, not {self.workload.rows * new_tokens}")
        return tokens


def _summary(runs: dict[tuple[str, str], list[Row]]) -> Row:
    """Medians over the rounds, and quotients within them."""
    summary: Row = {}
    for condition in CONDITIONS:
        ours = runs[condition, "tree"]
        ceiling = runs[condition, CEILING]
        modes = {mode: _medians(runs[condition, mode]) for mode in (*MODES, CEILING)}
        floors = [
            (run["attention_floor_seconds"] + free["seconds"]) / run["seconds"]
            for run, free in zip(ours, ceiling, strict=True)
            if run["attention_floor_seconds"] is not None
        ]
        summary[condition] = {
            "modes": modes,
            "floor_over_time": round(statistics.median(floors), 4) if floors else None,
            "time_over": {mode: _quotient(ours, runs[condition, mode]) for mode in MODES[1:]},
        }
    # The paper's comparison: the batch that the saved memory allows, against the one level at its own.
    base = runs["largest", "single_level"]
    summary["equal batch over single_level"] = _quotient(runs["equal", "tree"], runs["equal", "single_level"])
    summary["largest batch over single_level"] = _quotient(runs["largest", "tree"], base)
    return summary


def _medians(rounds: Sequence[Row]) -> Row:
    seconds = Samples(tuple(run["seconds"] for run in rounds))
    return {**rounds[0], "seconds": round(seconds.median, 3), "all_seconds": list(seconds.seconds)} | {
        name: round(statistics.median(run[name] for run in rounds), 4)
        for name in ("prefill_seconds", "mean_rows")
    }


def _quotient(ours: Sequence[Row], other: Sequence[Row]) -> float:
    pairs = zip(ours, other, strict=True)
    return round(statistics.median(a["seconds"] / b["seconds"] for a, b in pairs), 4)


def table_rows(point: Row) -> list[list[str]]:
    """A point's rows under the names of COLUMNS."""
    rows = []
    for condition in CONDITIONS:
        found = point[condition]
        for mode, run in found["modes"].items():
            quotient = {**found["time_over"], CEILING: None}.get(mode)
            floor = found["floor_over_time"] if mode == "tree" else None
            rows.append(
                [
                    point["key"]["model"],
                    condition,
                    mode,
                    f"{run['mean_rows']:.0f}",
                    f"{run['seconds']:.1f}",
                    f"{run['prefill_seconds']:.1f}",
                    f"{run['kv_bytes_peak'] / 2**20:.0f}",
                    "" if floor is None else f"{floor:.2f}",
                    "" if quotient is None else f"{quotient - 1:+.0%}",
                ]
            )
    return rows
