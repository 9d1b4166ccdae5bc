"""One rank of a model that is split over several: draws what job.json in a directory asks for.

Run by torchrun, with the directory as the argument. Each rank writes what it found to rank-N.json there.
"""

from __future__ import annotations

import json
import sys
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


def completions(engine: Engine, job: dict[str, Any]) -> list[Any]:
    """All samples, in a fixed order, as JSON values."""
    found = [
        [index, c.prompt_id, c.sample_index, list(c.token_ids), c.text, c.finish_reason]
        for index, params in enumerate(params_of(job))
        for c in engine.generate(prompts_of(job), params)
    ]
    return sorted(found)


def unequal_calls(engine: Engine, job: dict[str, Any], rank: int) -> str:
    """What is said when the ranks do not sample with the same seed."""
    try:
        engine.generate(prompts_of(job), SamplingParams(seed=rank))
    except TensorParallelError as error:
        return str(error)
    return "nothing"


def compute_wrongly() -> None:
    """From now on the logits of this process are those of other tokens."""
    right = TreeModel.logits

    def wrong(*args: Any) -> torch.Tensor:
        return right(*args).flip(-1)

    TreeModel.logits = wrong


def main(directory: Path) -> None:
    """Loads and runs every model of the job."""
    torch.set_num_threads(1)
    job = json.loads((directory / "job.json").read_text())
    found: dict[str, Any] = {"samples": {}}
    for name in job["models"]:
        engine = Engine.from_pretrained(
            directory / name, device="cpu", max_rows=3, tensor_parallel=job["ranks"]
        )
        found["samples"][name] = completions(engine, job)
    rank = dist.get_rank()
    found["description"] = engine.describe()
    found["kv_bytes_peak"] = engine.stats.kv_bytes_peak
    found["unequal"] = unequal_calls(engine, job, rank)
    found["least"] = RankGroup(job["ranks"], torch.device("cpu")).least(5 - rank)
    if rank > 0:
        compute_wrongly()
    found["led"] = completions(engine, job)
    (directory / f"rank-{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
