"""A run from its settings to its rows: the way of the data, top to bottom."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from judge import Program
from problems import Problem, open_problems
from sampler.config import RunConfig, to_toml
from sampler.pipeline.cluster import Workers, first_call, ray_session, start_workers
from sampler.pipeline.driver import Driver, PipelineError, Task
from sampler.pipeline.manifest import add_workers, make_manifest
from sampler.pipeline.progress import Progress
from sampler.pipeline.prompts import make_prompts, sampling_params
from sampler.pipeline.rows import LANGUAGE
from sampler.pipeline.store import RunStore
from sampler.pipeline.units import Unit, make_units
from sampler.run_dir import Key, RunDir, key_of

log = logging.getLogger("orchard.run")


@dataclass(frozen=True)
class RunResult:
    """What a session did."""

    directory: RunDir
    sampled: int
    judged: int
    resumed: int  # sample rows that were there before it
    stages: dict[str, float]  # seconds by stage, in order


class _Stages:
    """The seconds that each stage took; a stage ends where it is named."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def end(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def run(config: RunConfig, *, judging: bool = True, tell: Callable[[str], None] = _tell) -> RunResult:
    """Sample, and judge unless `judging` is False, what the run directory does not hold yet.

    Args:
        config: the settings.
        judging: whether programs are judged in this session.
        tell: takes a line for people before what may take long; the default writes it to standard error.

    Raises:
        RunDirError: the directory is in use, is no run, or holds a run with other settings.
        PipelineError: the run cannot go on; the same command resumes it.
        ProblemError, FewShotError, EngineError, SandboxError, RowError: the parts' own words.
    """
    from sampler.engine.tokenization import load_tokenizer

    stages = _Stages()
    problems = {problem.problem_id: problem for problem in open_problems(config.problems)}
    prompts = list(make_prompts(config, problems.values(), load_tokenizer(config.model)))
    manifest = make_manifest(config, problems.values(), prompts)
    with RunStore(config.run_dir) as store:
        store.check(manifest)
        resumed, judged = len(store.sampled), len(store.judged)
        units = list(make_units(prompts, store.sampled, config.ray.unit_samples))
        stages.end("problems and prompts")
        unjudged = store.sampled - store.judged if judging else set()
        if units or unjudged:
            _work(config, store, problems, manifest, units, unjudged, stages, tell, judging=judging)
        made = len(store.sampled) - resumed, len(store.judged) - judged
        return RunResult(store.directory, *made, resumed, stages.seconds)


def _work(
    config: RunConfig,
    store: RunStore,
    problems: dict[str, Problem],
    manifest: dict[str, Any],
    units: list[Unit],
    unjudged: Collection[Key],
    stages: _Stages,
    tell: Callable[[str], None],
    *,
    judging: bool,
) -> None:
    """One session: start the workers, let the driver work, leave the manifest complete."""
    params = sampling_params(config, [prompt for unit in units for prompt in unit.prompts])
    with _log_to(store.directory), ray_session(config):
        stages.end("start of Ray")
        workers = start_workers(config, params, sampling=bool(units), judging=judging)
        if units:
            tell(f"loading the model {config.model} on {len(workers.samplers)} sampler(s)")
        store.begin(_introduced(workers, config, problems, manifest), to_toml(config))
        stages.end("loading of the workers")
        with _progress(config, store, len(problems), judging=judging) as progress:
            driver = Driver(
                store=store,
                problems=problems,
                samplers=workers.samplers,
                judges=workers.judges,
                judge_slots=workers.judge_slots,
                seed=config.seed,
                unit_timeout_seconds=config.ray.unit_timeout_seconds,
                progress=progress,
                logprobs=params.logprobs,
            )
            with _session_entered(store, driver, stages):
                driver.run(units, _tasks(store, unjudged))
    stages.end("end of Ray")


@contextlib.contextmanager
def _session_entered(store: RunStore, driver: Driver, stages: _Stages) -> Iterator[None]:
    """Enter what the session did into the manifest, however it ends."""

    def enter() -> None:
        stages.end("sampling and judging")
        seconds = stages.seconds["sampling and judging"]
        store.end(driver.figures() | {"seconds": seconds, "stages": stages.seconds})

    try:
        yield
    except BaseException:
        try:
            enter()
        except OSError as error:  # the error that ended the run says what to do, and shall be seen
            log.error("the session's figures are lost: %s", error)
        raise
    enter()


def _introduced(
    workers: Workers, config: RunConfig, problems: dict[str, Problem], manifest: dict[str, Any]
) -> dict[str, Any]:
    """The manifest with what the workers say of themselves, after they agree on model and problem set."""
    calls = [actor.describe.remote() for actor in (*workers.samplers, *workers.judges)]
    answers = first_call(calls)
    samplers, sandboxes = answers[: len(workers.samplers)], answers[len(workers.samplers) :]
    _compare_samplers(samplers)
    for digests in first_call([judge.digests.remote() for judge in workers.judges]):
        differing = [name for name, problem in problems.items() if digests.get(name) != problem.digest()]
        if differing:
            raise PipelineError(
                f"a judge's node reads {len(differing)} problems of {manifest['problem_set']['spec']!r} "
                f"otherwise than this one, {differing[0]!r} first; give all nodes the same files"
            )
    for sampler in samplers:
        sampler["model"] |= {"name": config.model}  # as it was typed: actors are given absolute paths
    return add_workers(manifest, samplers[0] if samplers else None, sandboxes[0] if sandboxes else None)


def _compare_samplers(samplers: list[dict[str, Any]]) -> None:
    """Refuse samplers whose rows would not be of one run.

    Raises:
        PipelineError: two of them have another model, dtype or attention mode.
    """
    for number, sampler in enumerate(samplers):
        for name in ("model", "dtype", "attention"):
            if sampler[name] != samplers[0][name]:
                raise PipelineError(
                    f"samplers differ in {name}: sampler 0 has {samplers[0][name]!r}, sampler {number} has "
                    f"{sampler[name]!r}; give all nodes the same model files, and set engine.dtype and "
                    "engine.device where they choose differently"
                )


def _progress(config: RunConfig, store: RunStore, problems: int, *, judging: bool) -> Progress:
    progress = Progress(total=problems * config.samples, judging=judging)
    for row in store.directory.samples():
        progress.count_sample(row)
    for row in store.directory.verdicts():
        progress.count_verdict(row["verdict"])
    return progress


def _tasks(store: RunStore, unjudged: Collection[Key]) -> Iterator[Task]:
    """The samples of earlier sessions that have no verdict yet."""
    for row in store.directory.samples() if unjudged else ():
        if key_of(row) in unjudged:
            program = None if row["program"] is None else Program(LANGUAGE, row["program"])
            yield Task(key_of(row), program, drawn=row["finish_reason"] != "error")


@contextlib.contextmanager
def _log_to(directory: RunDir) -> Iterator[None]:
    """Send our log to the run's own file meanwhile: the terminal belongs to the progress line."""
    logger = logging.getLogger("orchard")
    before = logger.level, logger.propagate
    handler = logging.FileHandler((directory.logs / "driver.log").resolve(), encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]
