"""A run from its settings to its rows: the way of the data, top to bottom."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
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


def run(config: RunConfig, *, judging: bool = True) -> RunResult:
    """Sample, and judge unless `judging` is False, what the run directory does not hold yet.

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
            _work(config, store, problems, manifest, units, unjudged, stages, judging=judging)
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
    *,
    judging: bool,
) -> None:
    """One session: start the workers, let the driver work, leave the manifest complete."""
    _log_to(store.directory)
    params = sampling_params(config, [prompt for unit in units for prompt in unit.prompts])
    with ray_session(config):
        stages.end("start of Ray")
        workers = start_workers(config, params, sampling=bool(units), judging=judging)
        store.begin(_introduced(workers, problems, manifest), to_toml(config))
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
            )
            try:
                driver.run(units, _tasks(store, unjudged))
            finally:
                stages.end("sampling and judging")
                seconds = stages.seconds["sampling and judging"]
                store.end(driver.figures() | {"seconds": seconds, "stages": stages.seconds})
    stages.end("end of Ray")


def _introduced(workers: Workers, problems: dict[str, Problem], manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with what the workers say of themselves, after they agree on the problem set."""
    calls = [actor.describe.remote() for actor in (*workers.samplers, *workers.judges)]
    answers = first_call(calls)
    samplers, sandboxes = answers[: len(workers.samplers)], answers[len(workers.samplers) :]
    for digests in first_call([judge.digests.remote() for judge in workers.judges]):
        differing = [name for name, problem in problems.items() if digests.get(name) != problem.digest()]
        if differing:
            raise PipelineError(
                f"a judge's node reads {len(differing)} problems of {manifest['problem_set']['spec']!r} "
                f"otherwise than this one, {differing[0]!r} first; give all nodes the same files"
            )
    return add_workers(manifest, samplers[0] if samplers else None, sandboxes[0] if sandboxes else None)


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


def _log_to(directory: RunDir) -> None:
    """Send our log to the run's own file: the terminal belongs to the progress line."""
    path = (directory.logs / "driver.log").resolve()
    logger = logging.getLogger("orchard")
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
            handler.close()
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
