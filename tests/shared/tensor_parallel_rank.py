"""One rank of a model that is split over several: draws what job.json in a directory asks for.

Run by torchrun, with the directory as the argument. Each rank writes what it found to rank-N.json there.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from sampler.engine import Engine, Prompt, SamplingParams, TensorParallelError
from sampler.engine.tensor_parallel import RankGroup
from tree_attention import TreeModel


def prompts_of(job: dict[str, Any]) -> list[Prompt]:
    """The prompts of a job."""
    return [
        Prompt(f"p{index}", token_ids=tuple(tokens), samples=1 + index % 2)
        for index, tokens in enumerate(job["prompts"])
    ]


def params_of(job: dict[str, Any]) -> list[SamplingParams]:
    """Each of the ways in which a job draws."""
    return [
        SamplingParams(max_new_tokens=job["new_tokens"], temperature=temperature)
        for temperature in job["temperatures"]
    ]


def open_model(directory: Path, attention: str, ranks: int, max_rows: int) -> Engine:
    """An engine with a model, or with a rank's share of it."""
    return Engine.from_pretrained(
        directory, device="cpu", attention=attention, max_rows=max_rows, tensor_parallel=ranks
    )


def completions(engine: Engine, job: dict[str, Any]) -> list[Any]:
    """All samples, in a fixed order, as JSON values."""
    found = [
        [index, c.prompt_id, c.sample_index, list(c.token_ids), c.text, c.finish_reason]
        for index, params in enumerate(params_of(job))
        for c in engine.generate(prompts_of(job), params)
    ]
    return sorted(found)


def refusals(job: dict[str, Any], open_engine: Callable[[int], Engine], engine: Engine) -> list[str]:
    """What is said when the ranks are not given the same: seeds, prompts, settings."""
    rank = dist.get_rank()
    attempts: list[Callable[[], object]] = [
        lambda: engine.generate(prompts_of(job), SamplingParams(seed=rank)),
        lambda: engine.generate(prompts_of(job)[rank:], SamplingParams()),
        lambda: open_engine(1 + rank),
    ]
    said = []
    for attempt in attempts:
        try:
            attempt()
        except TensorParallelError as error:
            said.append(str(error))
        else:
            said.append("nothing")
    return said


def compute_wrongly() -> None:
    """From now on the logits of this process are those of other tokens."""
    right = TreeModel.logits

    def wrong(*args: Any) -> torch.Tensor:
        return right(*args).flip(-1)

    TreeModel.logits = wrong


def main(directory: Path) -> None:
    """Loads and runs every model of the job; the last is put to more tests."""
    torch.set_num_threads(1)
    job = json.loads((directory / "job.json").read_text())
    samples = {}
    for name, attention in job["models"].items():
        open_engine = functools.partial(open_model, directory / name, attention, job["ranks"])
        engine = open_engine(job["max_rows"])
        samples[name] = completions(engine, job)
    rank = dist.get_rank()
    found = {
        "samples": samples,
        "description": engine.describe(),
        "kv_bytes_peak": engine.stats.kv_bytes_peak,
        "least": RankGroup(job["ranks"], torch.device("cpu")).least(5 - rank),
        "refusals": refusals(job, open_engine, engine),
    }
    if rank > 0:
        compute_wrongly()
    found["led"] = completions(engine, job)
    (directory / f"rank-{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
