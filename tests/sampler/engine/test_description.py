"""A model's description tells it from every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sampler.engine import Engine
from sampler.engine.description import describe_model


def test_a_model_in_memory(engine: Engine, llama: Any) -> None:
    found = engine.describe()
    assert found["model"]["class"] == "LlamaForCausalLM"
    assert found["model"]["parameters"] == sum(p.numel() for p in llama.parameters())
    assert found["model"]["digest"] is None
    assert (found["device"], found["dtype"], found["attention"]) == ("cpu", "float32", "tree")


def test_the_digest_is_over_the_files(llama: Any, tmp_path: Path) -> None:
    llama.save_pretrained(tmp_path)
    first = describe_model(llama, tmp_path)["digest"]
    assert len(first) == 64
    assert describe_model(llama, tmp_path)["digest"] == first
    weights = tmp_path / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert describe_model(llama, tmp_path)["digest"] != first
