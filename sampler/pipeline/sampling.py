"""Sampling: units that wait for a sampler, and those in flight.

A sampler that fails with a unit gives it back: rows that arrived are final, the rest is queued again, prompt
by prompt and before all new work, so that a prompt that kills its sampler takes no neighbour with it. After
MAX_TRIES such a prompt is given up. Its rows are final and say that nothing could be drawn, so they wait for
a proof that it is the prompt and not all that fails: the next row that any sampler draws.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from judge import Program
from sampler.core import Prompt
from sampler.pipeline.actors import Batch
from sampler.pipeline.judging import MAX_TRIES, Judging, Task
from sampler.pipeline.ledger import Ledger
from sampler.pipeline.pools import PipelineError, Pool, State, Worker, log, process_died, reason_of
from sampler.pipeline.rows import LANGUAGE, error_row
from sampler.pipeline.store import now
from sampler.pipeline.units import Unit

_QUEUE_LIMIT = 4096  # programs waiting for a judge, above which no new unit starts
_BARREN_FAILURES = 6  # failures in a row that end a run in which nothing has ever been drawn
_BARREN_PROBLEMS = 5  # problems given up in a row, without one new row, that end any run


@dataclass(eq=False)
class _Call:
    """A unit in flight."""

    worker: Worker
    unit: Unit
    stream: Any  # ray.ObjectRefGenerator
    heard: float = field(default_factory=time.monotonic)  # when the last batch came


@dataclass(frozen=True)
class _GivenUp:
    prompt: Prompt
    reason: str


class Sampling:
    """The sampling half of the driver."""

    def __init__(
        self,
        actors: list[Any],
        judging: Judging,
        ledger: Ledger,
        seed: int,
        timeout_seconds: float,
        *,
        logprobs: bool = False,
    ) -> None:
        """Drawn programs go to `judging`; a sampler may be silent with a unit for `timeout_seconds`.

        `logprobs` says that the samplers' rows hold log-probabilities.
        """
        self.pool = Pool("sampler", actors)
        self._judging = judging
        self._ledger = ledger
        self._seed = seed
        self._timeout_seconds = timeout_seconds
        self._logprobs = logprobs
        self._units: deque[Unit] = deque()
        self._retries: deque[Unit] = deque()
        self._calls: list[_Call] = []
        self._given_up: list[_GivenUp] = []
        self._failures = 0
        self._proven = bool(ledger.store.sampled)  # something has been drawn in this run

    @property
    def busy(self) -> bool:
        """Whether something waits or is in flight."""
        return bool(self._units or self._retries or self._calls)

    def add(self, units: Iterable[Unit]) -> None:
        """Queue units."""
        self._units.extend(units)

    def start(self) -> None:
        """Give a unit to each idle sampler, unless judges are far behind.

        Raises:
            PipelineError: there is work, and no sampler is left.
        """
        if self._units or self._retries:
            self.pool.require()
        for worker in self.pool.ready():
            queue = self._retries or self._units
            if not queue or self._judging.backlog > _QUEUE_LIMIT:
                return
            if worker.load == 0:
                unit = queue.popleft()
                stream = worker.actor.sample.options(num_returns="streaming").remote(unit)
                self._calls.append(_Call(worker, unit, stream))
                worker.load = 1

    # ---- taking in ----

    def waiting(self) -> list[Any]:
        """The streams in flight."""
        return [call.stream for call in self._calls]

    def take(self, stream: Any) -> None:
        """Take the next batch of a stream of `waiting`.

        Raises:
            PipelineError: samplers keep failing.
        """
        call = next(call for call in self._calls if call.stream is stream)
        try:
            batch: Batch = ray.get(next(stream))
        except StopIteration:
            self._end(call)
            if call.unit.without(self._ledger.store.sampled).prompts:
                self._failed(call, "the sampler ended the unit early")
        except RayError as error:
            self._end(call)
            if process_died(error):
                self.pool.died(call.worker)
            self._failed(call, reason_of(error))
        else:
            call.heard = time.monotonic()
            self._take_rows(batch)

    def _end(self, call: _Call) -> None:
        self._calls.remove(call)
        call.worker.load = 0

    def _take_rows(self, batch: Batch) -> None:
        self._ledger.figures["prefilled_tokens"] += batch.prefilled_tokens
        for row in batch.rows:
            self._ledger.drawn(row)
            program = None if row["program"] is None else Program(LANGUAGE, row["program"])
            self._judging.add(Task((row["problem_id"], row["sample_index"]), program))
        for undrawable in batch.undrawable:
            self._write_error_rows(undrawable.prompt, undrawable.reason)
        if batch.rows:
            self._proven, self._failures = True, 0
            self._write_given_up()

    # ---- what goes wrong ----

    def _failed(self, call: _Call, reason: str) -> None:
        """Queue what is left of a unit again, prompt by prompt, or give it up after MAX_TRIES."""
        log.warning("unit of %d samples failed on %s: %s", len(call.unit.keys), call.worker.name, reason)
        left = call.unit.without(self._ledger.store.sampled)
        if call.worker.state is State.LOST:
            self._retries.extend([left] if left.prompts else [])
            return
        self._failures += 1
        tries = call.unit.tries + 1
        for prompt in left.prompts:
            if tries >= MAX_TRIES:
                self._give_up(prompt, f"{tries} samplers failed with it; the last reason: {reason}")
            else:
                self._retries.append(Unit((prompt,), tries))
        if not self._proven and self._failures >= _BARREN_FAILURES:
            raise self._barren(f"samplers failed {self._failures} times in a row", reason)

    def _give_up(self, prompt: Prompt, reason: str) -> None:
        self._given_up.append(_GivenUp(prompt, reason))
        problems = {given_up.prompt.problem_id for given_up in self._given_up}
        if len(problems) >= _BARREN_PROBLEMS:
            raise self._barren(
                f"samplers failed with all prompts of {len(problems)} problems in a row", reason
            )

    def _barren(self, what: str, reason: str) -> PipelineError:
        return PipelineError(
            f"{what} without one new sample; the last reason:\n{reason}\n"
            "mend it and give the same command again: finished rows are kept"
        )

    def end(self) -> None:
        """Write the rows of prompts that were given up since the last row.

        Raises:
            PipelineError: nothing at all could be drawn in this run.
        """
        if self._given_up and not self._proven:
            raise self._barren("samplers failed with every prompt", self._given_up[-1].reason)
        self._write_given_up()

    def _write_given_up(self) -> None:
        given_up, self._given_up = self._given_up, []
        for one in given_up:
            self._write_error_rows(one.prompt, one.reason)

    def _write_error_rows(self, prompt: Prompt, reason: str) -> None:
        log.error("prompt %s cannot be sampled: %s", prompt.prompt_id, reason)
        for index in prompt.sample_indices:
            key = (prompt.problem_id, index)
            if key not in self._ledger.store.sampled:
                row = error_row(prompt, index, self._seed, "driver", now(), logprobs=self._logprobs)
                self._ledger.given_up(row)
                self._judging.not_sampled(key, reason)

    def watch(self) -> None:
        """Kill samplers that have been silent for too long; Ray starts them anew, and their calls fail."""
        current = time.monotonic()
        for call in self._calls:
            silent = current - call.heard
            if silent > self._timeout_seconds and call.worker.state is not State.LOST:
                log.error("%s was silent for %.0f s with %s", call.worker.name, silent, call.unit.keys[0])
                call.heard = current
                ray.kill(call.worker.actor, no_restart=False)
