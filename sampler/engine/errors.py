"""What the engine raises.

    EngineError
    +-- ModelLoadError       a model that is not there, or cannot be loaded
    +-- DeviceError          a device or a dtype that is unknown or not here (also a ValueError)
    +-- TensorParallelError  ranks that cannot share a model, or are not in step
    +-- PromptError          a prompt that cannot be sampled (also a ValueError)
    +-- ModelOutputError     a model that computes no usable numbers
    +-- KvMemoryError        memory for keys and values that another call of the engine holds

A model that cannot be decoded on a tree is refused with `tree_attention.UnsupportedModelError`.
"""

from __future__ import annotations


class EngineError(Exception):
    """The base of the engine's errors; each names the thing, what is allowed and the remedy."""


class ModelLoadError(EngineError):
    """A model that is not there, or cannot be loaded."""


class DeviceError(EngineError, ValueError):
    """A device or a dtype that does not exist, or not on this machine."""


class TensorParallelError(EngineError):
    """Processes that cannot share a model as asked, or that were not all given the same to do."""


class PromptError(EngineError, ValueError):
    """A prompt that cannot be sampled. `prompt_id` says which."""

    def __init__(self, prompt_id: str, reason: str) -> None:
        self.prompt_id = prompt_id
        self.reason = reason
        super().__init__(f"prompt {prompt_id!r} {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle by the constructor's arguments: the error travels between processes."""
        return type(self), (self.prompt_id, self.reason)


class ModelOutputError(EngineError):
    """Logits that are not numbers."""


class KvMemoryError(EngineError):
    """The budget for keys and values is taken up by another call of the same engine."""
