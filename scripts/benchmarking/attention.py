"""The attention operation alone, at one point: ours, and torch's on expanded keys and values."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarking.models import ModelShape
from benchmarking.rates import Rates, Samples, measure_rates, timed
from benchmarking.results import Row
from benchmarking.roofline import decode_seconds
from tree_attention import AttentionOptions, AttentionPlan, AttentionStep, KvPool
from tree_attention.attention import backend_for
from tree_attention.backend import Backend
from tree_attention.kv_storage import IntArray

_MODULES = {"cpu": "tree_attention.cpu", "triton": "tree_attention.triton_backend"}
BACKENDS = ("auto", *_MODULES)
SYSTEMS = ("tree", "per_sequence", "sdpa")
_REPEATS = 7  # of a round over all layers

Pass = Callable[[], object]  # one call for every layer


@dataclass(frozen=True)
class AttentionPoint:
    """Rows that share a prefix and have a suffix each, in so many layers."""

    query_heads: int
    kv_heads: int
    head_dim: int
    rows: int
    prefix: int
    suffix: int
    layers: int
    dtype: torch.dtype

    @property
    def key(self) -> Row:
        """What tells it from others in a result file."""
        heads = f"{self.query_heads}/{self.kv_heads}/{self.head_dim}"
        return {"heads": heads, "rows": self.rows, "prefix": self.prefix, "suffix": self.suffix}

    @property
    def shape(self) -> ModelShape:
        """The layers as those of a model of attention alone."""
        return ModelShape(
            name="attention",
            family="llama",
            hidden=0,
            layers=self.layers,
            query_heads=self.query_heads,
            kv_heads=self.kv_heads,
            intermediate=0,
            vocabulary=0,
            head_dim=self.head_dim,
        )

    def floor(self, rates: Rates) -> float:
        """Seconds of one layer."""
        suffixes = [self.suffix] * self.rows
        token_bytes = self.shape.token_bytes(self.dtype)
        return (
            decode_seconds([(self.prefix, self.rows)], suffixes, self.shape, token_bytes, rates) / self.layers
        )


def measure(
    point: AttentionPoint,
    device: torch.device,
    backend: str,
    memory: int,
    rounds: int,
    *,
    quick: bool = False,
) -> Row:
    """All systems at a point, round by round. `memory` bounds the bytes of expanded keys and values."""
    expanded = point.shape.token_bytes(point.dtype) * (point.prefix + point.suffix)
    rows = {"tree": point.rows, "per_sequence": point.rows, "sdpa": min(point.rows, memory // expanded)}
    found: dict[str, list[Samples]] = {name: [] for name in SYSTEMS}
    rates = []
    for _ in range(rounds):
        rates.append(measure_rates(device, point.dtype, quick=quick))
        for name in SYSTEMS:
            if rows[name]:
                there = replace(point, rows=rows[name])
                found[name].append(_time(_PASSES[name](there, device, backend), device, point.layers))
    floors = [point.floor(one) for one in rates]
    ours = [samples.median for samples in found["tree"]]
    return {
        "flops_per_second": statistics.median(one.flops for one in rates),
        "bytes_per_second": statistics.median(one.bytes for one in rates),
        "floor_us": round(1e6 * statistics.median(floors), 3),
        "floor_over_time": round(statistics.median(f / t for f, t in zip(floors, ours, strict=True)), 4),
        "speed_over": {
            name: _speed(found[name], ours, point.rows / rows[name]) for name in SYSTEMS[1:] if found[name]
        },
        "systems": {name: _as_json(found[name], rows[name]) for name in SYSTEMS},
    }


def _as_json(found: Sequence[Samples], rows: int) -> Row:
    if not found:
        return {"rows": rows}
    return {"rows": rows, "call": Samples(tuple(s for one in found for s in one.seconds)).as_json()}


def _speed(other: Sequence[Samples], ours: Sequence[float], scale: float) -> float:
    quotients = (samples.median * scale / mine for samples, mine in zip(other, ours, strict=True))
    return round(statistics.median(quotients), 3)


def _time(work: Pass, device: torch.device, layers: int) -> Samples:
    """Seconds of one layer's call."""
    with torch.inference_mode():
        passes = timed(_replayed(work) if device.type == "cuda" else work, device, _REPEATS, warm_up=2)
    return Samples(tuple(second / layers for second in passes.seconds))


def _replayed(work: Pass) -> Pass:
    """`work` as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def _tree_pass(
    point: AttentionPoint, device: torch.device, backend: str, *, share_reads: bool = True
) -> Pass:
    pool = KvPool([point.shape.layer_shape(point.dtype, device)] * point.layers)
    step = _step(pool, point, share_reads=share_reads)
    query = _random(point.rows, point.query_heads, point.head_dim, point=point, device=device)
    options = AttentionOptions(scale=point.head_dim**-0.5)
    attend = _backend(backend, device)
    return lambda: [attend(query, pool, layer, step, options) for layer in range(point.layers)]


def _backend(name: str, device: torch.device) -> Backend:
    if name == "auto":
        return backend_for(device)
    return import_module(
        {"cpu": "tree_attention.cpu", "triton": "tree_attention.triton_backend"}[name]
    ).attend


def _step(pool: KvPool, point: AttentionPoint, *, share_reads: bool) -> AttentionStep:
    node = pool.allocate_node(None, point.prefix, readers=point.rows)
    branches: IntArray = np.array([pool.open_branch(node) for _ in range(point.rows)], dtype=np.int64)
    plan = AttentionPlan.for_decode([node] * point.rows, branches.tolist(), share_reads=share_reads)
    for length in range(point.suffix - 1):
        pool.extend_branches(branches, np.full(point.rows, length, dtype=np.int64))
    if not point.suffix:
        plan = AttentionPlan.for_decode([node] * point.rows, [-1] * point.rows, share_reads=share_reads)
    lengths = np.full(point.rows, max(0, point.suffix - 1), dtype=np.int64)
    step = AttentionStep.decode(plan, pool, point.prefix + lengths, lengths)
    for tensor in (*node.keys, *node.values, *pool.pages.keys, *pool.pages.values):
        tensor.normal_()
    return step


def _per_sequence_pass(point: AttentionPoint, device: torch.device, backend: str) -> Pass:
    return _tree_pass(point, device, backend, share_reads=False)


def _sdpa_pass(point: AttentionPoint, device: torch.device, backend: str) -> Pass:
    del backend
    tokens = point.prefix + point.suffix
    query = _random(point.rows, point.query_heads, 1, point.head_dim, point=point, device=device)
    shape = (point.rows, point.kv_heads, tokens, point.head_dim)
    keys, values = (
        [_random(*shape, point=point, device=device) for _ in range(point.layers)] for _ in range(2)
    )
    grouped = point.query_heads != point.kv_heads
    return lambda: [
        scaled_dot_product_attention(query, k, v, enable_gqa=grouped)
        for k, v in zip(keys, values, strict=True)
    ]


def _random(*shape: int, point: AttentionPoint, device: torch.device) -> torch.Tensor:
    return torch.empty(shape, dtype=point.dtype, device=device).normal_()


_PASSES = {"tree": _tree_pass, "per_sequence": _per_sequence_pass, "sdpa": _sdpa_pass}
