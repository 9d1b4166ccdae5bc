"""The actors of one kind, and which of them can be given work.

Ray restarts an actor whose process dies, and until its constructor has ended every call to it fails at
once: to go on handing it work would charge innocent work for one death. So an actor is given work only
while it is READY:

    READY --its process died--> STARTING --it answers--> CHECKING --it shows that it works--> READY
      +------its results are in doubt----------------------^
    STARTING, CHECKING --its constructor or its check fails, or patience ends--> LOST

A pool without a check goes from STARTING to READY. What was in flight at an actor is its user's affair; a
LOST actor is killed, so that what it holds is free, and is never given work again.
"""

from __future__ import annotations

import enum
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayActorError, RayError, RayTaskError

START_SECONDS = 1800.0  # patience with a start: weights of a large model over a slow disk
_PROBE_SECONDS = 1.0  # between two questions to an actor that is being restarted
_CHECKS = 3  # deaths in a check after which an actor is lost

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# A frame of a traceback with the lines that show its code, or one of the fields that Ray lists of an actor.
_FRAMES = re.compile(r"^(?:[ \t]+File .*|\t.*)\n(?:[ \t]+.*\n)*", re.MULTILINE)
_MODULE = re.compile(r"^(?:[a-z_]\w*\.)+(?=[A-Z]\w*: )")

log = logging.getLogger("orchard.driver")


class PipelineError(Exception):
    """The run cannot go on; nothing finished is lost, and the text says what to do."""


class State(enum.Enum):
    """What the driver knows of an actor."""

    READY = "ready"
    STARTING = "starting"
    CHECKING = "checking"
    LOST = "lost"


@dataclass(eq=False)
class Worker:
    """An actor, what is in flight at it, and the question it was asked last."""

    name: str  # "judge 0"
    actor: Any
    load: int = 0  # pieces of work in flight
    state: State = State.READY
    probe: Any = None  # the question in flight, if any
    ask_at: float = 0.0  # when the next question is due, by the monotonic clock
    patience_ends: float = 0.0
    failed_checks: int = 0
    called_dead: bool = False  # by the last answer


@dataclass
class Pool:
    """The actors of one kind. All of them have answered a call before the pool is made."""

    kind: str  # "sampler" or "judge"
    actors: Sequence[Any]
    check: Callable[[Worker], Any] | None = None  # calls the actor so that it fails if it does not work
    workers: list[Worker] = field(init=False)
    _last_reason: str = ""

    def __post_init__(self) -> None:
        self.workers = [Worker(f"{self.kind} {n}", actor) for n, actor in enumerate(self.actors)]

    def ready(self) -> list[Worker]:
        """Those that can be given work, busy ones included."""
        return [worker for worker in self.workers if worker.state is State.READY]

    def died(self, worker: Worker) -> None:
        """A call to `worker` failed because its process died: no more work until it answers again."""
        if worker.state in (State.READY, State.CHECKING):
            self._doubt(worker, State.STARTING)

    def doubt(self, worker: Worker) -> None:
        """What `worker` answers is not to be believed until it has passed its check."""
        if worker.state is State.READY:
            self._doubt(worker, State.CHECKING)

    def _doubt(self, worker: Worker, state: State) -> None:
        now = time.monotonic()
        worker.state, worker.probe = state, None
        worker.ask_at, worker.patience_ends = now, now + START_SECONDS

    def waiting(self) -> list[Any]:
        """The references of the questions in flight."""
        return [worker.probe for worker in self.workers if worker.probe is not None]

    def tend(self) -> None:
        """Ask those that are due; lose those that keep silent for START_SECONDS."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.state not in (State.STARTING, State.CHECKING):
                continue
            if now > worker.patience_ends:
                self._lose(worker, f"it did not answer within {START_SECONDS:.0f} s")
            elif worker.probe is None and now >= worker.ask_at:
                worker.probe = self._ask(worker)

    def require(self) -> None:
        """Make sure that there is, or will be, an actor to give work to.

        Raises:
            PipelineError: every actor is lost.
        """
        if all(worker.state is State.LOST for worker in self.workers):
            raise PipelineError(
                f"no {self.kind} is left; the last reason:\n{self._last_reason}\n"
                "mend it and give the same command again: finished rows are kept"
            )

    def _ask(self, worker: Worker) -> Any:
        if worker.state is State.CHECKING and self.check is not None:
            return self.check(worker)
        return worker.actor.__ray_ready__.remote()

    def take(self, probe: Any) -> None:
        """Act on the answer to a question of `waiting`."""
        worker = next((worker for worker in self.workers if worker.probe == probe), None)
        if worker is None:  # it died meanwhile, and will be asked anew
            return
        worker.probe = None
        try:
            ray.get(probe)
        except RayTaskError as error:
            self._lose(worker, reason_of(error))
        except RayError as error:
            self._unanswered(worker, error)
        else:
            self._answered(worker)

    def _answered(self, worker: Worker) -> None:
        worker.called_dead = False
        if worker.state is State.STARTING and self.check is not None:
            worker.state = State.CHECKING
        else:
            log.info("%s is ready", worker.name)
            worker.state, worker.failed_checks = State.READY, 0

    def _unanswered(self, worker: Worker, error: RayError) -> None:
        """Its process died once more, or is not there yet, or will never be."""
        worker.failed_checks += worker.state is State.CHECKING
        # Asked twice: a call that was in flight may be told so of an actor that Ray is about to restart.
        dead = isinstance(error, ActorDiedError) and worker.called_dead
        worker.called_dead = isinstance(error, ActorDiedError)
        if dead or worker.failed_checks >= _CHECKS:
            self._lose(worker, reason_of(error))
            return
        worker.state, worker.ask_at = State.STARTING, time.monotonic() + _PROBE_SECONDS

    def _lose(self, worker: Worker, reason: str) -> None:
        log.error("%s is given up: %s", worker.name, reason)
        self._last_reason = reason
        worker.state, worker.probe = State.LOST, None
        ray.kill(worker.actor)


def reason_of(error: RayError) -> str:
    """What went wrong, in a line or a few: the cause without its traceback and terminal colours."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        return f"{type(cause).__name__}: {cause}"
    text = _FRAMES.split(_ANSI.sub("", str(error)) + "\n")[-1].strip()
    text = _MODULE.sub("", text) or str(error).strip()
    made = not (isinstance(error, RayActorError) and error.actor_init_failed)
    return f"its process died ({text})" if process_died(error) and made else text


def process_died(error: RayError) -> bool:
    """Whether a call failed with its actor's process or node, and not by what the actor raised itself."""
    return not isinstance(error, RayTaskError)
