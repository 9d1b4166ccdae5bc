"""Attention by a device plan as what a model's layers work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tree_attention.transformers_plugin import AttentionCall

if TYPE_CHECKING:
    from tree_attention.triton_backend import DevicePlan  # needs Triton


@dataclass(frozen=True, eq=False)
class DevicePlanContext:
    """Stores a decoding step's keys and values, and attends, by what is loaded on the device.

    Launches kernels and does nothing else, so that it can be captured in a CUDA graph.
    """

    plan: DevicePlan

    def attend(self, call: AttentionCall) -> torch.Tensor:
        """See `TreeContext`."""
        self.plan.write(call.layer, _dense(call.keys), _dense(call.values))
        return self.plan.attend(_dense(call.query), call.layer, call.options)[0]


def _dense(vectors: torch.Tensor) -> torch.Tensor:
    """The same with numbers of a vector side by side, as the kernels read them."""
    return vectors if vectors.stride(-1) == 1 else vectors.contiguous()
