"""`tree_attention`, the one public operation: exact attention of every row over its path and suffix."""

from __future__ import annotations

import functools
import importlib.util
import logging

import torch

from tree_attention import cpu
from tree_attention.backend import AttentionOptions, Backend
from tree_attention.kv_pool import KvPool
from tree_attention.plan import AttentionStep

logger = logging.getLogger(__name__)


def tree_attention(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> torch.Tensor:
    """Attention of each row over the nodes of its path and, while decoding, its branch's suffix.

    The keys and values of the step's own tokens must have been stored before, with `step.write`.

    Args:
        query: `[rows, query_heads, key_dim]`; rows as in the step's plan. `query_heads` is a multiple of
            the layer's `kv_heads`; query head h reads kv head `h // (query_heads // kv_heads)`.
        pool: keys and values.
        layer: which of the pool's layers.
        step: the plan, and the positions of the rows.
        options: scale, window, cap and sinks.

    Returns:
        `[rows, query_heads, value_dim]` in the query's dtype. A row that reads nothing gives 0.

    Raises:
        ValueError: the shape of the query fits neither the plan nor the layer.
    """
    return tree_attention_with_lse(query, pool, layer, step, options)[0]


def tree_attention_with_lse(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `tree_attention`, and the log-sum-exp of each row's scores.

    Returns:
        The output, and `[rows, query_heads]` float32: the natural logarithm of the sum of exp(score) over the
        keys that a row reads, after scale and cap, without the sinks; -inf for a row that reads nothing.

    Raises:
        ValueError: the shape of the query fits neither the plan nor the layer.
    """
    shape = pool.layers[layer]
    fits = query.dim() == 3 and query.shape[0] == step.plan.rows and query.shape[2] == shape.key_dim
    if not fits or query.shape[1] % shape.kv_heads:
        raise ValueError(
            f"query of shape {tuple(query.shape)} does not fit: the plan has {step.plan.rows} rows, and "
            f"layer {layer} has {shape.kv_heads} kv heads of size {shape.key_dim}"
        )
    return backend_for(query.device)(query, pool, layer, step, options)


def backend_for(device: torch.device) -> Backend:
    """The backend for tensors on `device`: Triton kernels on a CUDA device, else torch's own operators.

    A platform that has no Triton (torch brings it along on Linux) gets torch's operators on every device.
    """
    if device.type == "cuda" and triton_installed():
        from tree_attention import triton_backend

        return triton_backend.attend
    return cpu.attend


@functools.cache
def triton_installed() -> bool:
    """Whether CUDA devices can be given Triton's kernels; where they cannot, that is logged once."""
    if importlib.util.find_spec("triton") is not None:
        return True
    logger.warning(
        "Triton is not installed: the GPU attends by torch's own operators, without CUDA graphs, and tokens "
        "are drawn on the host, which is exact, but much slower. On Linux, run: pip install triton"
    )
    return False
