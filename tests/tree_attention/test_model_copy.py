"""A copied model runs its own modules, also where `forward` was replaced by a function around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tiny_models import tiny_model
from torch import nn

from tree_attention.model_copy import copy_sharing_weights


def wrapped(module: nn.Module, seen: list[nn.Module], inner: Callable[..., Any]) -> Callable[..., Any]:
    """What transformers' tensor parallelism puts in place of `forward`: it has closed over the module."""

    def around(*args: Any, scale: float = 1.0, **kwargs: Any) -> Any:
        seen.append(module)
        return inner(*args, **kwargs) * scale

    around.__kwdefaults__ = {"scale": 2.0}
    return around


def test_a_copy_leads_to_its_own_modules() -> None:
    model = tiny_model("llama")
    mlp = model.model.layers[1].mlp
    seen: list[nn.Module] = []
    mlp.forward = wrapped(mlp, seen, wrapped(mlp, seen, mlp.forward))
    ids = torch.arange(5)[None]
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        twin = copy_sharing_weights(model)
        for copied in (twin, copy_sharing_weights(twin)):
            seen.clear()
            assert torch.equal(copied(input_ids=ids).logits, expected)
            own = copied.model.layers[1].mlp
            assert [module is own for module in seen] == [True, True]
            assert own is not mlp
            assert own.down_proj.weight is mlp.down_proj.weight
        seen.clear()
        model(input_ids=ids)
        assert [module is mlp for module in seen] == [True, True]


def test_submodules_below_a_wrapper_are_the_copy_s() -> None:
    model = tiny_model("llama")
    layer = model.model.layers[0]
    layer.forward = wrapped(layer, [], layer.forward)
    ids = torch.arange(5)[None]
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        twin = copy_sharing_weights(model)
        called: list[nn.Module] = []
        twin.model.layers[0].mlp.register_forward_hook(lambda module, *_: called.append(module))
        assert torch.equal(twin(input_ids=ids).logits, expected)
    assert len(called) == 1
