"""Ray: a local one when no cluster is named, and the actors on it."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from sampler.config import RunConfig
from sampler.core import SamplingParams
from sampler.pipeline.actors import JudgeWorker, Sampler
from sampler.pipeline.cores import usable_cores
from sampler.pipeline.pools import START_SECONDS, PipelineError, reason_of

# Actors wait on each other's work far more than they compute, so they ask Ray for little and share the
# cores; a machine of one core must hold a sampler and a judge.
_ACTOR_CPUS = 0.25


@dataclass(frozen=True)
class Workers:
    """The actors of a session. `judge_slots` is how many programs one judge takes at once."""

    samplers: list[Any]
    judges: list[Any]
    judge_slots: int


@contextlib.contextmanager
def ray_session(config: RunConfig) -> Iterator[None]:
    """Connect to the cluster that `ray.address` or RAY_ADDRESS names, or start a local Ray, for the session.

    Raises:
        PipelineError: the cluster cannot be reached.
    """
    if ray.is_initialized():  # the caller's own Ray: use it and leave it as it is
        yield
        return
    address = config.ray.address or os.environ.get("RAY_ADDRESS")
    # Ray puts the directory that it is started in before all others on its workers' import path. The user's
    # own may hold a judge.py; so it is started in one that is empty, and that lives as long as the workers.
    with tempfile.TemporaryDirectory(prefix="orchard-", ignore_cleanup_errors=True) as empty:
        try:
            with contextlib.chdir(empty):
                _connect(address, config)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = (
                f"the Ray cluster at {address!r} cannot be reached" if address else "Ray cannot start here"
            )
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
    # More than there are where actors would find no room otherwise: they share the cores.
    cpus = max(usable_cores(), math.ceil(_ACTOR_CPUS * (config.ray.samplers + config.ray.judges)))
    ray.init(address="local", include_dashboard=False, num_cpus=cpus, **quiet, **python_of_workers())


def python_of_workers() -> dict[str, Any]:
    """The options of `ray.init` by which a local Ray's workers start also where our path has spaces.

    Ray puts its Python into the command line of a shell, unquoted.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"runtime_env": {"py_executable": quoted}}


def start_workers(config: RunConfig, params: SamplingParams, *, sampling: bool, judging: bool) -> Workers:
    """Start the actors; `first_call` waits until they have loaded what they need.

    Raises:
        PipelineError: the cluster is too small for them, or the device is none that they can have.
    """
    samplers = config.ray.samplers if sampling else 0
    judges = config.ray.judges if judging else 0
    gpus = _sampler_gpus(config)
    _refuse_too_many(samplers, judges, gpus)
    slots = config.judge.jobs or _shared_cores(config.ray.judges)
    return Workers(
        [_sampler(config, params, gpus) for _ in range(samplers)],
        [_judge(config, slots) for _ in range(judges)],
        slots,
    )


def _sampler_gpus(config: RunConfig) -> float:
    """GPUs that each sampler takes from Ray, which hides all others from it."""
    device, gpus = config.engine.device, config.ray.sampler_gpus
    kind, _, number = device.partition(":")
    if gpus < 0:
        # A GPU that is named by its number is none that Ray chooses: samplers see all, and share that one.
        chosen = kind in ("auto", "cuda") and not number
        return 1.0 if chosen and ray.cluster_resources().get("GPU", 0) >= 1 else 0.0
    if kind == "cuda" and gpus > 0 and number.isdigit() and int(number) >= math.ceil(gpus):
        raise PipelineError(
            f"engine.device is {device!r}, but with ray.sampler_gpus {gpus:g} a sampler sees only the GPUs "
            "that Ray gives it, counted from cuda:0; use engine.device 'cuda', or ray.sampler_gpus 0"
        )
    return gpus


def _refuse_too_many(samplers: int, judges: int, gpus: float) -> None:
    """Say at once what would otherwise wait for START_SECONDS."""
    there = ray.cluster_resources()
    needs = {"GPU": samplers * gpus, "CPU": (samplers + judges) * _ACTOR_CPUS}
    for kind, needed in needs.items():
        if needed > there.get(kind, 0.0):
            raise PipelineError(
                f"{samplers} samplers and {judges} judges need {needed:g} {kind}s, and Ray has "
                f"{there.get(kind, 0.0):g}; ask for fewer by ray.samplers, ray.judges or ray.sampler_gpus"
            )


def _sampler(config: RunConfig, params: SamplingParams, gpus: float) -> Any:
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
    return actor.remote(_absolute_model(config.model), config.engine, params, threads)


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
    problems = _absolute_spec(config.problems)
    return actor.remote(problems, config.judge.sandbox, slots, config.judge.all_tests)


def _absolute_model(name: str) -> str:
    """What an actor, which runs elsewhere, must be told to find the same model."""
    if name == "demo":  # never a directory of that name
        return name
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name


def _absolute_spec(spec: str) -> str:
    """What an actor must be told to find the same problems; the filters stay."""
    source, query, filters = spec.partition("?")
    kind, colon, path = source.partition(":")
    if kind == "package" and path:
        source = f"{kind}{colon}{Path(path).expanduser().absolute()}"
    return f"{source}{query}{filters}"


def _shared_cores(actors: int) -> int:
    """Cores for each of `actors` actors that are spread over the cluster; none has more than a node has."""
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    share = min(sum(nodes) / max(1, actors), max(nodes, default=1.0))
    return max(1, int(share))


def first_call(refs: list[Any]) -> list[Any]:
    """The results of the actors' first calls, for which they load what they need.

    Raises:
        PipelineError: an actor could not be made, with its own words; or it did not start in time.
        Exception: what the call itself raised.
    """
    try:
        results: list[Any] = ray.get(refs, timeout=START_SECONDS)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
    except RayActorError as error:
        raise PipelineError(f"a worker could not start: {reason_of(error)}") from error
    except GetTimeoutError as error:
        raise PipelineError(
            f"workers did not start within {START_SECONDS:.0f} s; the cluster has "
            f"{ray.available_resources()} free; ask for fewer by ray.samplers, ray.judges or ray.sampler_gpus"
        ) from error
    return results
