"""The driver: hands out units and programs, takes rows in, and is the only one that writes.

    units -> Sampler actors -> sample rows -> store -> programs -> JudgeWorker actors -> verdict rows -> store

Samplers stream their rows, so judging overlaps sampling; a full judge queue starts no new units. Every
piece of work is in exactly one place: in a queue, in flight at one actor, or held back until it is known
whose fault a failure was. Actors that die or keep silent give their work back. What may fail, and how often,
is said in `sampling`, `judging` and `pools`; rows that were written are final, whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import ray

from problems import Problem
from sampler.pipeline.judging import Judging, Task
from sampler.pipeline.ledger import Ledger
from sampler.pipeline.pools import PipelineError
from sampler.pipeline.progress import Progress
from sampler.pipeline.sampling import Sampling
from sampler.pipeline.store import RunStore
from sampler.pipeline.units import Unit

__all__ = ["Driver", "PipelineError", "Task"]

_WAIT_SECONDS = 0.5


@dataclass
class Driver:
    """Runs units and judgings to their end. The actors must have answered a call before."""

    store: RunStore
    problems: dict[str, Problem]
    samplers: list[Any]
    judges: list[Any]  # empty: programs are not judged in this session
    judge_slots: int  # programs in flight at one judge actor
    seed: int
    unit_timeout_seconds: float
    progress: Progress
    logprobs: bool = False  # the samplers' rows hold log-probabilities

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.store, self.progress)
        self._judging = Judging(self.judges, self.judge_slots, self.problems, self._ledger)
        self._sampling = Sampling(
            self.samplers,
            self._judging,
            self._ledger,
            self.seed,
            self.unit_timeout_seconds,
            logprobs=self.logprobs,
        )

    def figures(self) -> dict[str, int]:
        """What this session did so far: samples, verdicts, tokens drawn, prompt tokens computed."""
        return dict(self._ledger.figures)

    def run(self, units: Iterable[Unit], tasks: Iterable[Task]) -> None:
        """Draw every sample of `units`, judge it, and judge `tasks`.

        Raises:
            PipelineError: samplers or judges keep failing, or none is left.
            judge.rows.RowError: a row cannot be written.
            OSError: the device does not take the rows that were written.
        """
        self._sampling.add(units)
        for task in tasks:
            self._judging.add(task)
        while self._sampling.busy or self._judging.busy:
            self._sampling.start()
            self._judging.start()
            self._receive()
            self._watch()
        self._sampling.end()

    def _receive(self) -> None:
        """Wait a little for results, and take in all that are there."""
        self.progress.refresh()
        takers: dict[Any, Callable[[Any], None]] = {}
        for part in (self._sampling, self._judging, self._sampling.pool, self._judging.pool):
            takers |= dict.fromkeys(part.waiting(), part.take)
        if not takers:  # every actor is being restarted
            time.sleep(_WAIT_SECONDS)
            return
        waiting = list(takers)
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0.0, fetch_local=False)
        if not ready:
            ready, _ = ray.wait(waiting, num_returns=1, timeout=_WAIT_SECONDS, fetch_local=False)
        for item in ready:
            takers[item](item)

    def _watch(self) -> None:
        self._sampling.watch()
        self._judging.watch()
        self._judging.settle()
        self._sampling.pool.tend()
        self._judging.pool.tend()
        self._ledger.sync()
