"""What a model is, told so that a run can be held against another and resumed with the same model only."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from sampler.engine.loading import model_source

_WHOLE_BYTES = 64 * 2**20  # files up to this size are digested whole, of larger ones size and both ends
_KINDS = ("*.json", "*.safetensors", "*.bin", "*.model", "*.jinja")


def describe_model(model: PreTrainedModel, source: str | Path | None) -> dict[str, Any]:
    """Name, class, parameter count and digest of a model; `source` is what it was loaded by, if anything.

    The digest of a directory is over its configuration, tokenizer and weight files; that of a hub name is
    the revision's commit.
    """
    return {
        "name": str(source) if source is not None else model.name_or_path or type(model).__name__,
        "class": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "digest": _digest(model, source),
    }


def _digest(model: PreTrainedModel, source: str | Path | None) -> str | None:
    if source is None:
        return None
    directory = Path(model_source(source))
    if not directory.is_dir():
        commit: str | None = getattr(model.config, "_commit_hash", None)
        return commit
    sha = hashlib.sha256()
    for file in sorted({path for kind in _KINDS for path in directory.glob(kind)}):
        sha.update(f"{file.name}:{file.stat().st_size}:".encode())
        sha.update(_content(file))
    return sha.hexdigest()


def _content(file: Path) -> bytes:
    size = file.stat().st_size
    if size <= _WHOLE_BYTES:
        return file.read_bytes()
    with file.open("rb") as stream:
        head = stream.read(2**20)
        stream.seek(size - 2**20)
        return head + stream.read()
