"""The driver: hands out units and programs, takes rows in, and is the only one that writes.

    units -> Sampler actors -> sample rows -> store -> programs -> JudgeWorker actors -> verdict rows -> store

Samplers stream their rows, so judging overlaps sampling. Every piece of work is in exactly one place: in a
queue here, or in flight at one actor. An actor that dies, or that stays silent past its deadline, gives its
work back: rows that arrived are final, the rest is queued again, prompt by prompt, so that one prompt that
kills its sampler takes no neighbour with it. After MAX_TRIES such work gets rows that say so. A full judge
queue starts no new units.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from judge import Judgement, Program, Verdict
from problems import Problem
from sampler.core import Prompt
from sampler.pipeline.actors import Batch
from sampler.pipeline.progress import Progress
from sampler.pipeline.rows import LANGUAGE, error_row, verdict_row
from sampler.pipeline.store import RunStore, now
from sampler.pipeline.units import Unit
from sampler.run_dir import Key

MAX_TRIES = 3
_QUEUE_LIMIT = 4096  # programs waiting for a judge, above which no new unit starts
_BARREN_DEATHS = 6  # sampler deaths in a row, without one new row, that end the run
_WAIT_SECONDS = 1.0

log = logging.getLogger("orchard.driver")


class PipelineError(Exception):
    """The run cannot go on; nothing finished is lost, and the text says what to do."""


@dataclass(frozen=True)
class Task:
    """A program to be judged."""

    key: Key
    program: Program | None
    tries: int = 0
    drawn: bool = True  # False: the sample could not be drawn, which is no fault of a program


@dataclass
class SamplerCall:
    """A unit in flight."""

    actor: Any
    unit: Unit
    stream: Any  # ray.ObjectRefGenerator
    heard: float = field(default_factory=time.monotonic)  # when the last batch came


@dataclass
class JudgeCall:
    """A program in flight."""

    judge: int  # index into Driver.judges
    task: Task
    deadline: float


@dataclass
class Driver:
    """Runs units and judgings to their end."""

    store: RunStore
    problems: dict[str, Problem]
    samplers: list[Any]
    judges: list[Any]  # empty: programs are not judged in this session
    judge_slots: int  # programs in flight at one judge actor
    seed: int
    unit_timeout_seconds: float
    progress: Progress

    def __post_init__(self) -> None:
        self._units: deque[Unit] = deque()
        self._tasks: deque[Task] = deque()
        self._sampling: list[SamplerCall] = []
        self._judging: dict[Any, JudgeCall] = {}
        self._load = dict.fromkeys(range(len(self.judges)), 0)
        self._barren_deaths = 0
        self._figures = {"sampled": 0, "judged": 0, "new_tokens": 0, "prefilled_tokens": 0}

    def figures(self) -> dict[str, int]:
        """What this session did so far: samples, verdicts, tokens drawn, prompt tokens computed."""
        return dict(self._figures)

    def run(self, units: Iterable[Unit], tasks: Iterable[Task]) -> None:
        """Draw every sample of `units`, judge it, and judge `tasks`.

        Raises:
            PipelineError: samplers keep dying without a new row.
            judge.rows.RowError: a row cannot be written.
        """
        self._units.extend(units)
        for task in tasks:
            self._enqueue(task)
        while self._units or self._sampling or self._tasks or self._judging:
            self._start_units()
            self._start_judging()
            self._receive()
            self._watch()

    # ---- handing out ----

    def _start_units(self) -> None:
        busy = {id(call.actor) for call in self._sampling}
        for actor in self.samplers:
            if not self._units or len(self._tasks) > _QUEUE_LIMIT:
                return
            if id(actor) not in busy:
                unit = self._units.popleft()
                stream = actor.sample.options(num_returns="streaming").remote(unit)
                self._sampling.append(SamplerCall(actor, unit, stream))

    def _enqueue(self, task: Task) -> None:
        if not self.judges:
            return
        if not task.drawn:
            self._finish(task.key, internal_error("not sampled: an earlier session gave it up, see its log"))
        elif task.program is None:
            total = len(self.problems[task.key[0]].tests)
            self._finish(task.key, Judgement(Verdict.NO_CODE, total=total))
        else:
            self._tasks.append(task)

    def _start_judging(self) -> None:
        for number, load in self._load.items():
            for _ in range(self.judge_slots - load):
                if not self._tasks:
                    return
                self._judge(number, self._tasks.popleft())

    def _judge(self, number: int, task: Task) -> None:
        ref = self.judges[number].judge.remote(task.key[0], task.program)
        self._judging[ref] = JudgeCall(number, task, time.monotonic() + self._judging_seconds(task))
        self._load[number] += 1

    def _judging_seconds(self, task: Task) -> float:
        """A bound on one call, its place in the actor's queue included; only a judge that hangs passes it."""
        problem = self.problems[task.key[0]]
        return 120.0 + self.judge_slots * MAX_TRIES * len(problem.tests) * (
            problem.limits.wall_limit_seconds + 10.0
        )

    # ---- taking in ----

    def _receive(self) -> None:
        waiting = [call.stream for call in self._sampling] + list(self._judging)
        if not waiting:
            return
        self.progress.refresh()
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0.0, fetch_local=False)
        if not ready:
            ready, _ = ray.wait(waiting, num_returns=1, timeout=_WAIT_SECONDS, fetch_local=False)
        for item in ready:
            if item in self._judging:
                self._take_judgement(item)
            else:
                self._take_batch(next(call for call in self._sampling if call.stream is item))

    def _take_batch(self, call: SamplerCall) -> None:
        try:
            batch: Batch = ray.get(next(call.stream))
        except StopIteration:
            self._sampling.remove(call)
            left = call.unit.without(self.store.sampled)
            if left.prompts:
                self._give_back(call, "the sampler ended the unit early")
            return
        except RayError as error:
            self._sampling.remove(call)
            self._give_back(call, _reason(error))
            return
        call.heard = time.monotonic()
        self._take_rows(batch)

    def _take_rows(self, batch: Batch) -> None:
        self._figures["prefilled_tokens"] += batch.prefilled_tokens
        for row in batch.rows:
            self._barren_deaths = 0
            self.store.append_sample(row)
            self._figures["new_tokens"] += row["new_tokens"]
            self._figures["sampled"] += 1
            self.progress.count_sample(row)
            program = None if row["program"] is None else Program(LANGUAGE, row["program"])
            self._enqueue(Task((row["problem_id"], row["sample_index"]), program))
        for undrawable in batch.undrawable:
            self._give_up(undrawable.prompt, undrawable.reason)

    def _take_judgement(self, ref: Any) -> None:
        call = self._judging.pop(ref)
        self._load[call.judge] -= 1
        try:
            judgement: Judgement = ray.get(ref)
        except RayError as error:
            self._judge_again(call.task, _reason(error))
            return
        self._finish(call.task.key, judgement)

    def _finish(self, key: Key, judgement: Judgement) -> None:
        self.store.append_verdict(verdict_row(key, judgement))
        self._figures["judged"] += 1
        self.progress.count_verdict(judgement.verdict)

    # ---- what goes wrong ----

    def _give_back(self, call: SamplerCall, reason: str) -> None:
        """Queue what is left of a unit again, prompt by prompt, or give it up after MAX_TRIES."""
        log.warning("unit of %d samples failed on its sampler: %s", len(call.unit.keys), reason)
        self._barren_deaths += 1
        if self._barren_deaths >= _BARREN_DEATHS:
            raise PipelineError(
                f"samplers failed {self._barren_deaths} times in a row without one new sample; the last "
                f"reason:\n{reason}\nmend it and give the same command again: finished rows are kept"
            )
        left = call.unit.without(self.store.sampled)
        tries = call.unit.tries + 1
        for prompt in left.prompts:
            if tries >= MAX_TRIES:
                self._give_up(prompt, f"{tries} samplers failed with it; the last reason: {reason}")
            else:
                self._units.append(Unit((prompt,), tries))

    def _give_up(self, prompt: Prompt, reason: str) -> None:
        log.error("prompt %s cannot be sampled: %s", prompt.prompt_id, reason)
        for index in prompt.sample_indices:
            key = (prompt.problem_id, index)
            if key in self.store.sampled:
                continue
            row = error_row(prompt, index, self.seed, "driver", now())
            self.store.append_sample(row)
            self.progress.count_sample(row)
            if self.judges:
                self._finish(key, internal_error(f"not sampled: {reason}"))

    def _judge_again(self, task: Task, reason: str) -> None:
        log.warning("judging %s failed: %s", task.key, reason)
        if task.tries + 1 >= MAX_TRIES:
            self._finish(task.key, internal_error(f"not judged: {reason}", attempts=MAX_TRIES))
        else:
            self._tasks.append(replace(task, tries=task.tries + 1))

    def _watch(self) -> None:
        """Kill actors that have been silent for too long; Ray starts them anew, and their calls fail."""
        current = time.monotonic()
        for call in self._sampling:
            if current - call.heard > self.unit_timeout_seconds:
                log.error("a sampler was silent for %.0f s with %s", current - call.heard, call.unit.keys[0])
                call.heard = current
                ray.kill(call.actor, no_restart=False)
        for number in {call.judge for call in self._judging.values() if current > call.deadline}:
            log.error("judge %d is past the deadline of a program and is restarted", number)
            ray.kill(self.judges[number], no_restart=False)
            for judging in self._judging.values():
                if judging.judge == number:
                    judging.deadline = current + 60.0


def internal_error(message: str, attempts: int = 1) -> Judgement:
    """The judgement of a sample that we failed to draw or to judge."""
    detail = {"message": message}
    return Judgement(Verdict.INTERNAL_ERROR, detail=detail, attempts=attempts, judge="driver")


def _reason(error: RayError) -> str:
    if isinstance(error, RayActorError):
        return f"its process died ({str(error).splitlines()[0]})"
    if isinstance(error, GetTimeoutError):
        return "its result could not be fetched"
    cause = getattr(error, "cause", None)
    return f"{type(cause).__name__}: {cause}" if cause is not None else str(error)
