"""The workers: a sampler holds the model, a judge holds sandboxes. Each is a Ray actor.

Constructors take settings and paths, never object references: a restarted actor must be able to run its
constructor again. What an actor loads it loads once. Nothing here touches the run directory; rows go to
the driver, which alone writes.
"""

from __future__ import annotations

import datetime
import os
import platform
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from judge import Judge, JudgeError, Judgement, Program, Verdict
from problems import Limits, Problem, TestCase, open_problems
from sampler.config import EngineConfig
from sampler.core import Completion, Prompt, SamplingParams
from sampler.pipeline.cores import usable_cores
from sampler.pipeline.rows import LANGUAGE, sample_row
from sampler.pipeline.units import Unit

_BATCH_SECONDS = 0.2  # rows are sent in batches: one message a row would cost more than the row

# What any judge that works accepts, also on a machine that is very busy.
_ECHO = Program(LANGUAGE, "print(input())\n")
_ECHOED = Problem(
    "echo", "Echo", "", (TestCase("echo", b"1\n", b"1\n"),), Limits(cpu_seconds=20.0, wall_seconds=120.0)
)


@dataclass(frozen=True)
class Undrawable:
    """A prompt that this model cannot take, and why: no retry can mend it."""

    prompt: Prompt
    reason: str


@dataclass(frozen=True)
class Batch:
    """What a sampler sends: finished rows, undrawable prompts, and tokens prefilled since its last batch."""

    rows: tuple[dict[str, Any], ...] = ()
    undrawable: tuple[Undrawable, ...] = ()
    prefilled_tokens: int = 0


class Sampler:
    """Draws the samples of units, with one engine."""

    def __init__(self, model: str, settings: EngineConfig, params: SamplingParams, threads: int) -> None:
        """Load the model.

        Raises:
            sampler.engine.EngineError: the model cannot be loaded or cannot decode on the tree exactly.
        """
        import torch

        from sampler.engine import Engine

        torch.set_num_threads(threads)  # Ray leaves one thread to an actor
        self._params = params
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._engine = Engine.from_pretrained(
            model,
            device=settings.device,
            dtype=settings.dtype,
            attention=settings.attention,
            max_rows=settings.max_rows,
            kv_memory=settings.kv_memory,
            deterministic=settings.deterministic,
        )

    def describe(self) -> dict[str, Any]:
        """What the manifest says of the model and of the machine that runs it."""
        return self._engine.describe() | {"hardware": _hardware()}

    def sample(self, unit: Unit) -> Iterator[Batch]:
        """Yield the unit's rows as they finish."""
        prompts = {prompt.prompt_id: prompt for prompt in unit.prompts}
        drawable, undrawable = self._split(unit)
        if undrawable:
            yield Batch(undrawable=undrawable)
        prefilled = self._engine.stats.prefilled_tokens
        rows: list[dict[str, Any]] = []
        sent = time.monotonic()
        for completion in self._engine.generate(drawable, self._params):
            rows.append(self._row(prompts[completion.prompt_id], completion))
            if time.monotonic() - sent > _BATCH_SECONDS:
                yield Batch(tuple(rows), (), self._engine.stats.prefilled_tokens - prefilled)
                prefilled = self._engine.stats.prefilled_tokens
                rows, sent = [], time.monotonic()
        yield Batch(tuple(rows), (), self._engine.stats.prefilled_tokens - prefilled)

    def _split(self, unit: Unit) -> tuple[list[Prompt], tuple[Undrawable, ...]]:
        from sampler.engine import PromptError

        drawable, undrawable = [], []
        for prompt in unit.prompts:
            try:
                self._engine.generate([prompt], self._params)  # checks the prompt, and draws when iterated
                drawable.append(prompt)
            except PromptError as error:
                undrawable.append(Undrawable(prompt, str(error)))
        return drawable, tuple(undrawable)

    def _row(self, prompt: Prompt, completion: Completion) -> dict[str, Any]:
        started = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=completion.seconds)
        return sample_row(
            prompt, completion, self._params.seed, self._worker, started.isoformat(timespec="milliseconds")
        )


class JudgeWorker:
    """Judges programs of one problem set, several at once when it is called from several threads."""

    def __init__(self, problems: str, sandbox: str, jobs: int, all_tests: bool) -> None:
        """Open the problem set and make the sandboxes ready.

        Raises:
            problems.ProblemError: the problem set cannot be read on this node.
            judge.SandboxError: no sandbox works on this node.
        """
        self._problems = {problem.problem_id: problem for problem in open_problems(problems)}
        self._judge = Judge(sandbox=sandbox, jobs=jobs, all_tests=all_tests)

    def digests(self) -> dict[str, str]:
        """{problem id: digest} as this node reads the problem set."""
        return {problem.problem_id: problem.digest() for problem in self._problems.values()}

    def describe(self) -> str:
        """The sandbox in use."""
        return self._judge.describe()

    def judge(self, problem_id: str, program: Program | None) -> Judgement:
        """Judge one program; None stands for a completion without one."""
        return self._judge.judge(program, self._problems[problem_id])

    def check(self, problem_id: str) -> None:
        """Show that programs of a problem can be judged here: its files are there and the sandbox works.

        Raises:
            judge.JudgeError: a program that prints its input is not accepted.
            OSError: a file of the problem cannot be read.
        """
        self._problems[problem_id].digest()  # reads them all
        judgement = self._judge.judge(_ECHO, _ECHOED)
        if judgement.verdict != Verdict.AC:
            said = (judgement.detail or {}).get("message") or (judgement.detail or {}).get("stderr")
            raise JudgeError(f"a program that prints its input gets {judgement.verdict} here: {said}")


def _hardware() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "gpus": gpus,
        "system": platform.platform(terse=True),
    }


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(
                (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), ""
            )
    except OSError:
        return platform.processor()
