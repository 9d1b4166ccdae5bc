"""Loads a model and its tokenizer with transformers: a hub name, a directory, or `demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.distributed import DistributedConfig

import sampler
from sampler.engine.errors import DeviceError, ModelLoadError
from sampler.engine.tensor_parallel import check_plan, check_ranks
from sampler.engine.tokenization import load_tokenizer

DEMO_MODEL = "demo"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model, in evaluation mode, and the tokenizer saved with it."""

    model: PreTrainedModel
    tokenizer: Any


def model_source(name_or_dir: str | Path) -> str:
    """What transformers is asked for: the packaged directory for `demo`, else the name as it is.

    Raises:
        ModelLoadError: the name looks like a path, or is the demo model's, and no model is there.
    """
    name = str(name_or_dir)
    if name == DEMO_MODEL:
        source = Path(sampler.__file__).parent / "demo_model"
        remedy = "reinstall the package, or make the model with scripts/train_demo_model.py"
    elif isinstance(name_or_dir, Path) or name.startswith((".", "/", "~")) or Path(name).exists():
        source = Path(name).expanduser()
        remedy = "give a directory that save_pretrained wrote, a model's name on the hub, or 'demo'"
    else:
        return name
    if not (source / "config.json").is_file():
        raise ModelLoadError(f"model {name!r}: there is no {source / 'config.json'}; {remedy}")
    return str(source)


def load_model(name_or_dir: str | Path, device: str, dtype: str, tensor_parallel: int = 1) -> LoadedModel:
    """Loads a causal language model, or this rank's share of it, and its tokenizer.

    Args:
        name_or_dir: a hub name, a directory, or `demo`.
        device: `auto` (CUDA where there is one, else the CPU) or a torch device.
        dtype: `auto` (float32 on the CPU, the checkpoint's own elsewhere), float32, bfloat16 or float16.
        tensor_parallel: over how many ranks the model is split; torchrun has started so many processes.

    Raises:
        ModelLoadError: the model is not there or cannot be loaded.
        DeviceError: `device` or `dtype` is none that exists, or the device is not on this machine.
        TensorParallelError: the model cannot be split so, or there are not so many ranks.
    """
    where = resolve_device(device)
    check_ranks(tensor_parallel, where)
    kind = resolve_dtype(dtype, where)
    source = model_source(name_or_dir)
    tokenizer = load_tokenizer(name_or_dir)
    try:
        model = _load_weights(source, kind, where, tensor_parallel)
    except (OSError, ValueError, ImportError) as error:
        raise ModelLoadError(
            f"model {str(name_or_dir)!r} cannot be loaded: {error}\nGive a directory that save_pretrained "
            "wrote, a name that the hub or its local cache has, or 'demo'"
        ) from error
    return LoadedModel(model.eval(), tokenizer)


def _load_weights(
    source: str, dtype: torch.dtype | str, device: torch.device, tensor_parallel: int
) -> PreTrainedModel:
    if tensor_parallel == 1:
        return AutoModelForCausalLM.from_pretrained(source, dtype=dtype).to(device)
    check_plan(AutoConfig.from_pretrained(source), tensor_parallel)
    split = DistributedConfig(tp_size=tensor_parallel)
    return AutoModelForCausalLM.from_pretrained(source, dtype=dtype, distributed_config=split)


def resolve_device(device: str) -> torch.device:
    """The torch device that `device` stands for.

    Raises:
        DeviceError: there is no such device, or not on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise _no_device_of_ours(device) from error
    if found.type not in ("cpu", "cuda"):
        raise _no_device_of_ours(device)
    if found.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"device {device!r} was asked for, but torch sees no CUDA device here; use 'cpu' or 'auto'"
        )
    if found.index is not None and str(found) != device:
        raise DeviceError(f"device {device!r} is unknown: its number is too large")  # torch wraps 256 to 0
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {device!r} was asked for, but the CUDA devices here are "
            f"{', '.join(f'cuda:{index}' for index in range(torch.cuda.device_count()))}; use one of these"
        )
    return found


def _no_device_of_ours(device: str) -> DeviceError:
    return DeviceError(f"device {device!r} is unknown; use 'auto', 'cpu', 'cuda' or 'cuda:N'")


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype | str:
    """What transformers is told to load: a torch dtype, or `auto` for the checkpoint's own.

    Raises:
        DeviceError: there is no such dtype.
    """
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if dtype not in _DTYPES:
        raise DeviceError(f"dtype {dtype!r} is unknown; use 'auto' or one of {', '.join(map(repr, _DTYPES))}")
    return _DTYPES[dtype]
