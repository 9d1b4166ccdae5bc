"""Errors of a sampler reach the caller's process whole."""

from __future__ import annotations

import pickle

import pytest

from sampler.engine import DeviceError, ModelLoadError, PromptError
from tree_attention import UnsupportedModelError

ERRORS = [
    ModelLoadError("there is no model"),
    DeviceError("there is no device"),
    PromptError("p/0", "is empty"),
    UnsupportedModelError("mamba", "it has no attention"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_are_pickled_whole(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
