"""A model that is split over two processes draws the same tokens as the whole model in one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensor_parallel_rank as rank_script
import torch
from tiny_models import tiny_model
from transformers import AutoConfig

from sampler.engine import Engine, TensorParallelError
from sampler.engine.loading import load_model
from sampler.engine.tensor_parallel import RankGroup, check_plan, check_ranks

RANKS = 2
MODELS = {
    "qwen2": "tree",
    "qwen3": "tree",
    "mistral": "tree",
    "gemma2": "tree",
    "mixtral": "tree",
    "qwen3_moe": "tree",
    "phi3": "tree",  # its plan gives every rank all heads
    "deepseek_v2": "tree",  # its keys come from a latent
    "llama with dynamic RoPE": "per_sequence",  # which the tree refuses
    "llama": "tree",
}
LAST = "llama"
JOB: dict[str, Any] = {
    "models": MODELS,
    "ranks": RANKS,
    "max_rows": 3,
    "prompts": [[5, 9, 2, 7, 1], [5, 9, 2, 7, 1, 30, 31], [5, 9, 2, 40], list(range(80, 90))],
    "new_tokens": 9,
    "temperatures": [0.0, 0.8],
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def models(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all models and the job."""
    directory = tmp_path_factory.mktemp("models")
    for name in MODELS:
        tiny_model(name).save_pretrained(directory / name)
        tokenizer.save_pretrained(directory / name)
    (directory / "job.json").write_text(json.dumps(JOB))
    return directory


@pytest.fixture(scope="module")
def ranks(models: Path) -> list[dict[str, Any]]:
    """What each rank found."""
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("ranks on the CPU need torch's CPU build")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*torchrun, rank_script.__file__, str(models)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return [json.loads((models / f"rank-{rank}.json").read_text()) for rank in range(RANKS)]


@pytest.mark.parametrize("name", MODELS)
def test_two_ranks_draw_what_one_draws(name: str, models: Path, ranks: list[dict[str, Any]]) -> None:
    whole = rank_script.open_model(models / name, MODELS[name], 1, JOB["max_rows"])
    expected = rank_script.completions(whole, JOB)
    samples = sum(len(prompt.sample_indices) for prompt in rank_script.prompts_of(JOB))
    assert len(expected) == samples * len(JOB["temperatures"])
    for found in ranks:
        assert found["samples"][name] == expected
    if name == LAST:  # each rank holds its own heads only
        assert [found["kv_bytes_peak"] * RANKS for found in ranks] == [whole.stats.kv_bytes_peak] * RANKS
        for found in ranks:
            assert found["description"] == whole.describe() | {"tensor_parallel": RANKS}


def test_rank_zero_leads(ranks: list[dict[str, Any]]) -> None:
    """The other rank had other logits in the last run, to no effect."""
    for found in ranks:
        assert found["led"] == ranks[0]["samples"][LAST]


def test_unequal_calls_and_engines_are_refused_on_every_rank(ranks: list[dict[str, Any]]) -> None:
    for found in ranks:
        assert len(found["refusals"]) == 3
        for said in found["refusals"]:
            assert said.startswith("rank 1 was given other prompts, sampling parameters or settings")


def test_the_least_number_counts(ranks: list[dict[str, Any]]) -> None:
    assert [found["least"] for found in ranks] == [4, 4]


def test_one_rank_needs_no_other(models: Path) -> None:
    alone = RankGroup.of(load_model(models / "llama", "cpu", "auto").model)
    tokens = torch.arange(3)
    alone.check_same_call("anything")
    assert (alone.size, alone.least(7), alone.rank_zero(tokens) is tokens) == (1, 7, True)


def test_sums_of_three_have_no_fixed_order() -> None:
    for size in (1, 2):
        RankGroup(size).check_deterministic()
    with pytest.raises(TensorParallelError, match="deterministic was asked for with 3 ranks"):
        RankGroup(3).check_deterministic()


@pytest.mark.parametrize(("wanted", "started"), [(2, None), (2, "1"), (4, "2")])
def test_the_number_of_processes_must_fit(
    wanted: int, started: str | None, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if started is not None:
        monkeypatch.setenv("WORLD_SIZE", started)
        monkeypatch.setenv("LOCAL_RANK", "0")
    message = (
        rf"tensor_parallel is {wanted}.*together is {started or 1}; .* torchrun --nproc-per-node {wanted}"
    )
    with pytest.raises(TensorParallelError, match=message):
        Engine.from_pretrained(models / "llama", device="cpu", tensor_parallel=wanted)


def test_no_ranks_at_all() -> None:
    with pytest.raises(TensorParallelError, match="tensor_parallel is 0; it must be at least 1"):
        check_ranks(0, CPU)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cpu", "would be on device 'cpu', but .* of type 'cuda' only; .* torch's CPU build"),
        ("cuda:1", "each rank takes the device of its local rank"),
        ("cuda", "4 ranks were started on this machine, which has 2 devices"),
    ],
)
def test_ranks_take_their_own_gpus(device: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    with pytest.raises(TensorParallelError, match=message):
        check_ranks(4, torch.device(device))


def test_the_loader_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr("sampler.engine.tensor_parallel._LOADER", "a_package_that_is_not_there")
    with pytest.raises(TensorParallelError, match=r"pip install 'orchard-sampler\[tensor-parallel\]'"):
        check_ranks(2, CPU)


@pytest.mark.parametrize(
    ("model_type", "settings", "tensor_parallel", "message"),
    [
        ("gpt_bigcode", {}, 2, "'gpt_bigcode' has no tensor parallel plan .* with the whole model"),
        ("gpt_oss", {}, 2, "'gpt_oss' has no tensor parallel plan"),
        ("llama", {"num_key_value_heads": 2}, 4, "is 4, and the model has 2 key-value heads.*make it 1 or 2"),
        (
            "qwen2",
            {"num_key_value_heads": 4},
            3,
            "is 3, and the model has 4 key-value heads.*make it 1, 2 or 4",
        ),
        ("gemma2", {"num_key_value_heads": 1}, 2, "is 2, and the model has 1 key-value heads.*make it 1, or"),
        ("gpt_neox", {"num_attention_heads": 4}, 3, "is 3, and the model has 4 key-value heads"),
        ("deepseek_v2", {"num_attention_heads": 4}, 8, "is 8, and the model has 4 key-value heads"),
    ],
)
def test_models_that_cannot_be_split(
    model_type: str, settings: dict[str, Any], tensor_parallel: int, message: str
) -> None:
    config = AutoConfig.for_model(model_type, **settings)
    check_plan(config, 1)
    with pytest.raises(TensorParallelError, match=message):
        check_plan(config, tensor_parallel)


@pytest.mark.parametrize(
    ("model_type", "heads"), [("llama", 8), ("phi3", 3), ("olmo2", 3), ("deepseek_v3", 3)]
)
def test_models_that_can_be_split(model_type: str, heads: int) -> None:
    """Where each rank computes all heads, their number does not matter."""
    sizes = {"hidden_size": 24 * 64, "num_attention_heads": 24, "num_key_value_heads": heads}
    check_plan(AutoConfig.for_model(model_type, **sizes), 4)
