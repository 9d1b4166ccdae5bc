"""Ray: a local one when no cluster is named, and the actors on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from sampler.config import RunConfig
from sampler.core import SamplingParams
from sampler.pipeline.actors import JudgeWorker, Sampler
from sampler.pipeline.driver import PipelineError

# Actors wait on each other's work far more than they compute, so they ask Ray for little and share the
# cores; a machine of one core must hold a sampler and a judge.
_ACTOR_CPUS = 0.25
_START_SECONDS = 1800.0  # weights of a large model over a slow disk


@dataclass(frozen=True)
class Workers:
    """The actors of a session. `judge_slots` is how many programs one judge takes at once."""

    samplers: list[Any]
    judges: list[Any]
    judge_slots: int


@contextmanager
def ray_session(config: RunConfig) -> Iterator[None]:
    """Connect to the cluster that `ray.address` or RAY_ADDRESS names, or start a local Ray, for the session.

    Raises:
        PipelineError: the cluster cannot be reached.
    """
    if ray.is_initialized():  # the caller's own Ray: use it and leave it as it is
        yield
        return
    address = config.ray.address or os.environ.get("RAY_ADDRESS")
    try:
        _connect(address, config)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address!r} cannot be reached" if address else "Ray cannot start here"
        raise PipelineError(f"{where}: {error}\n`orchard doctor` checks Ray") from error
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None, config: RunConfig) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        ray.init(address=address, **quiet)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    needed = _ACTOR_CPUS * (config.ray.samplers + config.ray.judges)
    cpus = max(os.cpu_count() or 1, int(needed) + 1)
    ray.init(address="local", include_dashboard=False, num_cpus=cpus, **quiet)


def start_workers(config: RunConfig, params: SamplingParams, *, sampling: bool, judging: bool) -> Workers:
    """Start the actors; they load what they need on their first call."""
    samplers = [_sampler(config, params) for _ in range(config.ray.samplers if sampling else 0)]
    slots = config.judge.jobs or _shared_cores(config.ray.judges)
    judges = [_judge(config, slots) for _ in range(config.ray.judges if judging else 0)]
    return Workers(samplers, judges, slots)


def _sampler(config: RunConfig, params: SamplingParams) -> Any:
    gpus = config.ray.sampler_gpus
    if gpus < 0:
        gpus = 1.0 if config.engine.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1 else 0.0
    # Judges run beside it: half of the cores is theirs.
    threads = config.engine.threads or max(1, _shared_cores(config.ray.samplers) // 2)
    actor = ray.remote(Sampler).options(
        num_cpus=_ACTOR_CPUS,
        num_gpus=gpus,
        max_restarts=-1,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
        # Threads that spin while they wait for each other would take the judges' cores.
        runtime_env={"env_vars": {"OMP_WAIT_POLICY": "PASSIVE"}},
    )
    return actor.remote(config.model, config.engine, params, threads)


def _judge(config: RunConfig, slots: int) -> Any:
    actor = ray.remote(JudgeWorker).options(
        num_cpus=_ACTOR_CPUS,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=slots,
        scheduling_strategy="SPREAD",
        # An actor that asks for no GPU sees all of them; a judge shall see none.
        runtime_env={"env_vars": {"CUDA_VISIBLE_DEVICES": ""}},
    )
    return actor.remote(config.problems, config.judge.sandbox, slots, config.judge.all_tests)


def _shared_cores(actors: int) -> int:
    """Cores for each of `actors` actors, if they are spread evenly over the cluster."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // max(1, actors))


def first_call(refs: list[Any]) -> list[Any]:
    """The results of the actors' first calls, in which they load what they need.

    Raises:
        PipelineError: an actor died, or did not start in time (a cluster without room for it).
        Exception: what the actor itself raised.
    """
    try:
        results: list[Any] = ray.get(refs, timeout=_START_SECONDS)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
    except RayActorError as error:
        raise PipelineError(f"a worker died while it was starting: {error}") from error
    except ray.exceptions.GetTimeoutError as error:
        raise PipelineError(
            f"workers did not start within {_START_SECONDS:.0f} s; the cluster has "
            f"{ray.available_resources()} free; ask for fewer by ray.samplers, ray.judges or ray.sampler_gpus"
        ) from error
    return results
