"""Draws tokens on an accelerator, without waiting for it: can be captured in a CUDA graph.

The same distribution as `sampler.engine.sampling`, and the same token for the same uniform number but where
rounding decides between neighbours. What that module raises as an error is left on the device here as a
fault, to be read with the tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sampler.core import SamplingParams
from sampler.engine.sampling import SMALLEST_TEMPERATURE, largest_logit_error
from tree_attention.kernel_launch import KernelLaunch

TILE = 4096  # logits of a row that a program handles at a time
WARPS = 8
_WEIGHTLESS = 110.0  # exp(-110) is 0 in float32


@dataclass(frozen=True, eq=False)
class DeviceDraw:
    """One token a row, on the device."""

    tokens: torch.Tensor  # [rows], int64; 0 at a fault
    logprobs: torch.Tensor | None  # [rows], float32, natural; None unless they were asked for
    faults: torch.Tensor  # [rows], bool: the largest logit is not a finite number


def draw_tokens_on_device(logits: torch.Tensor, uniforms: torch.Tensor, params: SamplingParams) -> DeviceDraw:
    """Draws one token a row; see `sampler.engine.sampling.draw_tokens`. Needs Triton.

    Args:
        logits: `[rows, vocabulary]`, float32, bfloat16 or float16, on a CUDA device; the logits of a row lie
            side by side.
        uniforms: `[rows]`, float64, in [0, 1), on the same device; not used at temperature 0.
        params: temperature, top_k, top_p, min_p and logprobs.

    Raises:
        ValueError: the logits of a row do not lie side by side.
    """
    if logits.stride(1) != 1:
        raise ValueError(f"the logits have strides {logits.stride()}; the last must be 1: use .contiguous()")
    rows = len(logits)
    tokens = torch.empty(rows, dtype=torch.int64, device=logits.device)
    logprobs = torch.empty(rows, dtype=torch.float32, device=logits.device)
    drawn = DeviceDraw(tokens, logprobs, torch.empty(rows, dtype=torch.bool, device=logits.device))
    draw_launch(logits, uniforms, drawn, params).run(logits.device)
    return drawn if params.logprobs else replace(drawn, logprobs=None)


def draw_launch(
    logits: torch.Tensor, uniforms: torch.Tensor, drawn: DeviceDraw, params: SamplingParams
) -> KernelLaunch:
    """The launch that fills `drawn`, whose log-probabilities must be there even if they are not wanted."""
    from sampler.engine import token_kernels

    rows, vocabulary = logits.shape
    arguments: dict[str, Any] = {
        "logits": logits,
        "tokens": drawn.tokens,
        "logprobs": drawn.logprobs,
        "faults": drawn.faults,
        "row_stride": logits.stride(0),
        "vocabulary": vocabulary,
        "LOGPROBS": params.logprobs,
        "TILE": TILE,
    }
    if params.temperature == 0:
        return KernelLaunch(token_kernels.greedy_kernel, (rows,), arguments, WARPS)
    arguments |= {"uniforms": uniforms, "TILES": _tile_slots(vocabulary)} | _filters(params, vocabulary)
    return KernelLaunch(token_kernels.draw_kernel, (rows,), arguments, WARPS)


def sample_launches(dtype: torch.dtype, vocabulary: int = 2**18) -> Iterator[tuple[str, KernelLaunch]]:
    """Yield launches that need most of a GPU, with names, for checks where there is none."""
    logits = torch.empty(1, vocabulary, dtype=dtype)
    uniforms, tokens = torch.empty(1, dtype=torch.float64), torch.empty(1, dtype=torch.int64)
    drawn = DeviceDraw(tokens, torch.empty(1), torch.empty(1, dtype=torch.bool))
    everything = SamplingParams(top_k=100, top_p=0.9, min_p=0.1, logprobs=True)
    yield "draw", draw_launch(logits, uniforms, drawn, everything)
    yield "greedy", draw_launch(logits, uniforms, drawn, SamplingParams(temperature=0, logprobs=True))


def raise_on_fault(faults: npt.NDArray[np.bool_]) -> None:
    """Raises what `draw_tokens` would have.

    Args:
        faults: of a `DeviceDraw`, on the host; without padded rows.

    Raises:
        ModelOutputError: there is a fault.
    """
    if faults.any():
        raise largest_logit_error("not a finite number", int(faults.argmax()), len(faults))


def _tile_slots(vocabulary: int) -> int:
    """Room for the tiles of a row: a power of two."""
    return max(16, 1 << (-(-vocabulary // TILE) - 1).bit_length())


def _filters(params: SamplingParams, vocabulary: int) -> dict[str, float | bool]:
    """The arguments of the kernel that say what to draw from."""
    temperature = max(params.temperature, SMALLEST_TEMPERATURE)
    # What top_p drops weighs 1 - top_p at least with its pivot, so the pivot is not lighter than this.
    lightest = math.log(vocabulary / (1 - params.top_p)) if params.top_p < 1 else 0.0
    return {
        "scale": math.log2(math.e) / temperature,
        "top_k": float(params.top_k),
        "depth_k": _WEIGHTLESS * temperature,
        "top_p": float(params.top_p),
        "depth_p": (lightest + 1) * temperature,
        "min_p": float(params.min_p),
        "TOP_K": 0 < params.top_k < vocabulary,
        "TOP_P": params.top_p < 1,
    }
