"""Models load from a directory like any other; what is not there is said clearly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import sampler
from sampler.engine import DeviceError, Engine, ModelLoadError, Prompt, SamplingParams
from sampler.engine.loading import load_model, model_source, resolve_device, resolve_dtype


@pytest.fixture(scope="module")
def saved(llama: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama on disk, in 16 bit."""
    directory = tmp_path_factory.mktemp("model")
    llama.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def test_a_saved_model_gives_the_same_samples(saved: Path, engine: Engine) -> None:
    loaded = Engine.from_pretrained(saved, device="cpu", max_rows=2)
    params = SamplingParams(max_new_tokens=9, temperature=0)
    found, expected = (
        [c.token_ids for c in e.generate([Prompt("p", text="hello")], params)] for e in (loaded, engine)
    )
    assert found == expected


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_dtype(saved: Path, dtype: str, expected: torch.dtype) -> None:
    loaded = load_model(str(saved), "cpu", dtype)
    assert loaded.model.dtype == expected
    assert not loaded.model.training


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", Path("nowhere")])
def test_a_missing_directory_is_named(name: str | Path) -> None:
    with pytest.raises(ModelLoadError, match=r"there is no .*config\.json; give a directory"):
        Engine.from_pretrained(name)


def test_a_directory_that_holds_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        Engine.from_pretrained(tmp_path)


def test_demo_is_the_packaged_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sampler, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ModelLoadError, match="train_demo_model"):
        model_source("demo")
    (tmp_path / "demo_model").mkdir()
    (tmp_path / "demo_model" / "config.json").write_text("{}")
    assert model_source("demo") == str(tmp_path / "demo_model")


def test_hub_names_pass_through() -> None:
    assert model_source("owner/name") == "owner/name"


def test_devices_and_dtypes() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_dtype("auto", torch.device("cuda")) == "auto"
    with pytest.raises(DeviceError, match="dtype 'int3' is unknown; use 'auto' or one of 'float32'"):
        resolve_dtype("int3", torch.device("cpu"))


@pytest.mark.parametrize("name", ["gpu7", "", "mps", "xpu", "xpu:1", "meta"])
def test_devices_that_no_model_is_run_on(name: str) -> None:
    """Some of them torch knows."""
    with pytest.raises(
        DeviceError, match=f"device '{name}' is unknown; use 'auto', 'cpu', 'cuda' or 'cuda:N'"
    ):
        resolve_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_cuda_device_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match="torch sees no CUDA device"):
        resolve_device("cuda")


def test_a_cuda_device_beyond_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1").index == 1
    with pytest.raises(DeviceError, match="the CUDA devices here are cuda:0, cuda:1"):
        resolve_device("cuda:2")
    with pytest.raises(DeviceError, match="its number is too large"):
        resolve_device("cuda:256")
