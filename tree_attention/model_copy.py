"""Copies of a model that share its weights and nothing else."""

from __future__ import annotations

import copy
from types import CellType, FunctionType, MethodType
from typing import Any

from torch import nn
from transformers import PreTrainedModel


def copy_sharing_weights(model: PreTrainedModel) -> PreTrainedModel:
    """A deep copy of the modules and the configuration around the very same parameters and buffers."""
    kept: dict[int, Any] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, kept)
    # Transformers' tensor parallelism replaces `forward` of a module by a function that has closed over the
    # module. A deep copy takes functions as they are, so the copy would run the original's submodules.
    for module in twin.modules():
        forward = vars(module).get("forward")
        if isinstance(forward, FunctionType):
            vars(module)["forward"] = _moved(forward, kept)
    return twin


def _moved(value: Any, copies: dict[int, Any]) -> Any:
    """What a function has closed over, with the copy (by the original's id) in place of each module."""
    if isinstance(value, nn.Module):
        return copies.get(id(value), value)
    if isinstance(value, MethodType):
        return MethodType(value.__func__, _moved(value.__self__, copies))
    if not isinstance(value, FunctionType) or value.__closure__ is None:
        return value
    cells = tuple(CellType(_moved(cell.cell_contents, copies)) for cell in value.__closure__)
    moved = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, closure=cells)
    moved.__kwdefaults__ = value.__kwdefaults__
    return moved
