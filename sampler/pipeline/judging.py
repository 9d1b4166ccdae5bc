"""Judging: programs that wait for a verdict, and those in flight at judges.

A program may kill the process of its judge, and with it the judgings of its neighbours. So what was in
flight at a death runs alone from then on, one program at a judge, and only deaths that happen alone count.
After MAX_TRIES the program gets a row that says so.

INTERNAL_ERROR says that a judge failed. Whether it failed on this one program or fails on all of them, the
row cannot tell; so the judge must pass its check before such a row is written. A judge that does not pass
is lost, and its programs go to the others.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError

from judge import Judgement, Program, Verdict
from judge.judge import ATTEMPTS
from problems import Problem
from sampler.pipeline.ledger import Ledger
from sampler.pipeline.pools import PipelineError, Pool, State, Worker, log, process_died, reason_of
from sampler.run_dir import Key

MAX_TRIES = 3
_BARREN_DEATHS = 30  # judges that died with one program each, without a verdict between, that end the run


@dataclass(frozen=True)
class Task:
    """A program to be judged."""

    key: Key
    program: Program | None
    tries: int = 0
    drawn: bool = True  # False: the sample could not be drawn, which is no fault of a program
    alone: bool = False  # it was in flight at a judge that died


@dataclass
class _Call:
    """A program in flight."""

    worker: Worker
    task: Task
    deadline: float


@dataclass(frozen=True)
class _Doubt:
    """A failure of a judge, not believed yet. `judgement` is None where the call itself failed."""

    worker: Worker
    task: Task
    reason: str
    judgement: Judgement | None


class Judging:
    """The judging half of the driver. Without actors programs wait for a later session."""

    def __init__(self, actors: list[Any], slots: int, problems: dict[str, Problem], ledger: Ledger) -> None:
        """`slots` is how many programs may be in flight at one judge."""
        self.pool = Pool("judge", actors, self._check)
        self._slots = slots
        self._problems = problems
        self._ledger = ledger
        self._tasks: deque[Task] = deque()
        self._alone: deque[Task] = deque()
        self._calls: dict[Any, _Call] = {}
        self._doubts: list[_Doubt] = []
        self._barren_deaths = 0

    @property
    def busy(self) -> bool:
        """Whether something waits or is in flight."""
        return bool(self._tasks or self._alone or self._calls or self._doubts)

    @property
    def backlog(self) -> int:
        """Programs that wait for a judge."""
        return len(self._tasks) + len(self._alone)

    def add(self, task: Task) -> None:
        """Queue a program; what needs no judge gets its verdict at once."""
        if not self.pool.workers:
            return
        if not task.drawn:
            self.not_sampled(task.key, "an earlier session gave it up, see its log")
        elif task.program is None:
            total = len(self._problems[task.key[0]].tests)
            self._ledger.verdict(task.key, Judgement(Verdict.NO_CODE, total=total))
        else:
            self._tasks.append(task)

    def not_sampled(self, key: Key, reason: str) -> None:
        """Enter the verdict of a sample that could not be drawn."""
        if self.pool.workers:
            self._ledger.verdict(key, _internal_error(f"not sampled: {reason}"))

    # ---- handing out ----

    def start(self) -> None:
        """Give work to judges that have room.

        Raises:
            PipelineError: there is work, and no judge is left.
        """
        if self.backlog:
            self.pool.require()
        shut = {id(call.worker) for call in self._calls.values() if call.task.alone}
        wanted = len(self._alone)  # judges to be emptied for one program each
        for worker in self.pool.ready():
            if id(worker) in shut:
                continue
            if wanted > 0:
                wanted -= 1
                if worker.load == 0:
                    self._judge(worker, self._alone.popleft())
                continue
            while self._tasks and worker.load < self._slots:
                self._judge(worker, self._tasks.popleft())

    def _judge(self, worker: Worker, task: Task) -> None:
        ref = worker.actor.judge.remote(task.key[0], task.program)
        self._calls[ref] = _Call(worker, task, time.monotonic() + self._seconds(task))
        worker.load += 1

    def _seconds(self, task: Task) -> float:
        """A bound on one call; only a judge that hangs passes it."""
        problem = self._problems[task.key[0]]
        return 120.0 + ATTEMPTS * len(problem.tests) * (problem.limits.wall_limit_seconds + 10.0)

    def _check(self, worker: Worker) -> Any:
        doubted = next((doubt.task.key[0] for doubt in self._doubts if doubt.worker is worker), None)
        return worker.actor.check.remote(doubted or next(iter(self._problems)))

    # ---- taking in ----

    def waiting(self) -> list[Any]:
        """The references of the calls in flight."""
        return list(self._calls)

    def take(self, ref: Any) -> None:
        """Take the result of a call of `waiting`.

        Raises:
            PipelineError: judges keep dying without a verdict.
        """
        call = self._calls.pop(ref)
        call.worker.load -= 1
        try:
            judgement: Judgement = ray.get(ref)
        except RayError as error:
            if process_died(error):
                self.pool.died(call.worker)
                self._died(call, reason_of(error))
            else:
                self._doubt(call, reason_of(error), None)
        else:
            if judgement.verdict == Verdict.INTERNAL_ERROR:
                self._doubt(call, str((judgement.detail or {}).get("message", "")), judgement)
                return
            self._barren_deaths = 0
            self._ledger.verdict(call.task.key, judgement)

    # ---- what goes wrong ----

    def _died(self, call: _Call, reason: str) -> None:
        log.warning("judging %s failed on %s: %s", call.task.key, call.worker.name, reason)
        if call.worker.state is State.LOST:
            self._tasks.appendleft(call.task)
        elif self._slots > 1 and not call.task.alone:
            self._alone.append(replace(call.task, alone=True))
        else:
            self._charge(call.task, reason)
            self._barren_deaths += 1
            if self._barren_deaths >= _BARREN_DEATHS:
                raise PipelineError(
                    f"judges died {self._barren_deaths} times in a row without a verdict; the last reason:\n"
                    f"{reason}\nmend it and give the same command again: finished rows are kept"
                )

    def _charge(self, task: Task, reason: str) -> None:
        """Queue a program again, or give it up after MAX_TRIES."""
        if task.tries + 1 >= MAX_TRIES:
            self._ledger.verdict(task.key, _internal_error(f"not judged: {reason}", attempts=MAX_TRIES))
        else:
            self._alone.append(replace(task, tries=task.tries + 1, alone=True))

    def _doubt(self, call: _Call, reason: str, judgement: Judgement | None) -> None:
        log.warning("judging %s failed on %s: %s", call.task.key, call.worker.name, reason)
        self._doubts.append(_Doubt(call.worker, call.task, reason, judgement))
        self.pool.doubt(call.worker)

    def settle(self) -> None:
        """Act on the doubts about judges that have passed their check since, or have not."""
        doubts, self._doubts = self._doubts, []
        for doubt in doubts:
            if doubt.worker.state is State.LOST:
                self._tasks.appendleft(doubt.task)
            elif doubt.worker.state is not State.READY:
                self._doubts.append(doubt)
            elif doubt.judgement is None:
                self._charge(doubt.task, doubt.reason)
            else:
                self._ledger.verdict(doubt.task.key, doubt.judgement)

    def watch(self) -> None:
        """Kill judges that are past the deadline of a program; Ray starts them anew, and their calls fail."""
        now = time.monotonic()
        late = {id(call.worker): call.worker for call in self._calls.values() if now > call.deadline}
        for worker in late.values():
            log.error("%s is past the deadline of a program and is restarted", worker.name)
            for call in self._calls.values():
                if call.worker is worker:
                    call.deadline = now + 60.0
            if worker.state is not State.LOST:
                ray.kill(worker.actor, no_restart=False)


def _internal_error(message: str, attempts: int = 1) -> Judgement:
    """The judgement of a sample that we failed to draw or to judge."""
    detail = {"message": message}
    return Judgement(Verdict.INTERNAL_ERROR, detail=detail, attempts=attempts, judge="driver")
