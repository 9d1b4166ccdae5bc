"""The sampling engine: prompts in, completions out, decoded together on their prompt tree.

Importing the package loads neither torch nor transformers; the names below do when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sampler.core import Completion, Prompt, SamplingParams
from sampler.engine.errors import (
    DeviceError,
    EngineError,
    KvMemoryError,
    ModelLoadError,
    ModelOutputError,
    PromptError,
    TensorParallelError,
)

if TYPE_CHECKING:
    from sampler.engine.engine import Engine
    from sampler.engine.stats import EngineStats

_HOME = {"Engine": "engine", "EngineStats": "stats"}

__all__ = [
    "Completion",
    "DeviceError",
    "Engine",
    "EngineError",
    "EngineStats",
    "KvMemoryError",
    "ModelLoadError",
    "ModelOutputError",
    "Prompt",
    "PromptError",
    "SamplingParams",
    "TensorParallelError",
]


def __getattr__(name: str) -> Any:
    """Loads the module that holds `name` (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
