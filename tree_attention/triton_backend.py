"""Tree attention by Triton kernels: for CUDA devices, and for the CPU in Triton's interpreter.

A `DevicePlan` holds one plan at a time in device buffers that stay in place. Its `attend` and `write` launch
kernels and do nothing else: no host synchronisation, no shape that depends on data. So they can be captured
in a CUDA graph, and the graph replayed after the plan was loaded anew. `attend` of this module is the same
for one call, as a backend of `tree_attention`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tree_attention import triton_kernels
from tree_attention.backend import AttentionOptions
from tree_attention.kernel_launch import KernelLaunch
from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import IntArray
from tree_attention.plan import AttentionPlan, AttentionStep
from tree_attention.plan_buffers import PlanBuffers
from tree_attention.plan_layout import PlanCapacity, PlanLayout, SplitLengths
from tree_attention.tile_shapes import TileShape, choose_tile, padded

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_MERGE_ELEMENTS = 512  # float32 that a program of the merge holds at a time
_LOG2_E = 1.0 / math.log(2.0)


class DevicePlan:
    """A plan on the device, and what attends by it.

    Attributes:
        capacity: what plans fit.
        query_heads: the most that a query may have.
        positions: `[capacity.rows]` int64 on the device, of the rows' tokens. After each decoding step add 1
            to all of them, on the device; rows that are not in use may count on.
    """

    def __init__(
        self,
        pool: KvPool,
        query_heads: int,
        capacity: PlanCapacity,
        *,
        prefill: bool = False,
        shares_reads: bool = True,
        tile: TileShape | None = None,
        splits: SplitLengths | None = None,
        scratch: torch.Tensor | None = None,
    ) -> None:
        """Reserves the buffers; nothing is loaded yet.

        Args:
            pool: of the nodes and branches; its arena must stay in place while a captured graph is replayed.
            query_heads: of the layer that has most.
            capacity: what the plans need at most, see `needed`.
            prefill: whether rows read only what is not after them in their own node.
            shares_reads: of the plans; without, rows do not fill a tile together.
            tile: None for a choice by the rows that read a node together, at most.
            splits: None for the default.
            scratch: memory for partial results, which plans that never run at once may share: float32, at
                least as long as the module's `scratch_size` says. None for memory of its own.

        Raises:
            ValueError: the layers are not on one device, or the scratch is too small.
        """
        devices = {layer.device for layer in pool.layers}
        if len(devices) > 1:
            raise ValueError(
                f"a device plan needs all layers on one device; they are on {sorted(map(str, devices))}"
            )
        self.device = pool.layers[0].device
        self.capacity = capacity
        self.query_heads = query_heads
        self._pool = pool
        self._prefill = prefill
        self._splits = splits or SplitLengths()
        self._tile = tile or tile_for(pool, query_heads, capacity.rows if shares_reads else 1)
        self._suffix_tile = choose_tile(pool.layers, query_heads, 1, hopper=True)
        self._tile_rows = _tile_rows(pool, query_heads, self._tile)
        self._suffix_splits = _suffix_splits(pool, capacity, self._splits)
        self._buffers = PlanBuffers(capacity, pool)
        self._plan: AttentionPlan | None = None
        self.positions = self._buffers.positions
        size = scratch_size(pool, query_heads, capacity, self._splits)
        self._scratch = torch.empty(size, device=self.device) if scratch is None else scratch
        if len(self._scratch) < size:
            raise ValueError(f"the scratch holds {len(self._scratch)} float32; the capacity needs {size}")

    def needed(self, plan: AttentionPlan, row_pages: int = 0) -> PlanCapacity:
        """What `plan` needs, with `row_pages` suffix pages for the row that will have most."""
        return self._layout(plan).capacity(row_pages)

    def load(self, plan: AttentionPlan, positions: IntArray, lengths: IntArray) -> None:
        """Makes `plan` the one that is attended by.

        Args:
            plan: for decoding, or for prefilling if this was made so.
            positions: `[rows]`, of the rows' next tokens.
            lengths: `[rows]`, tokens in each row's suffix before the next step; read for decoding only.

        Raises:
            ValueError: it needs more than the capacity, or has folded nodes.
        """
        _check_unfolded(plan)
        layout = self._layout(plan)
        needed = layout.capacity(0)
        if not self.capacity.holds(needed):
            raise ValueError(f"the plan needs {needed}, which is more than {self.capacity}")
        self._buffers.load(layout, plan, self._pool, positions, lengths, self._suffix_splits)
        self._plan = plan

    def load_pages(self) -> None:
        """Tells the device of the pages that the loaded plan's branches have got since.

        Raises:
            ValueError: nothing is loaded, or a branch has more pages than the capacity says.
        """
        if self._plan is None:
            raise ValueError("no plan is loaded whose pages could be; call load first")
        self._buffers.load_pages(self._plan, self._pool)

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Stores the rows' tokens at the ends of their suffixes.

        `keys` and `values`: `[rows, kv_heads, key_dim | value_dim]`, contiguous in the last axis. Rows
        without a suffix store nothing.

        Raises:
            ValueError: their shape, dtype or strides are others.
        """
        self.write_launch(layer, keys, values).run(self.device)

    def attend(
        self, query: torch.Tensor, layer: int, options: AttentionOptions
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As `tree_attention_with_lse`, for `query` of at most the capacity's rows.

        Raises:
            ValueError: the query or the options cannot be served; the text says which and why.
        """
        self._check(query, layer, options)
        shape = self._pool.layers[layer]
        out = query.new_empty(*query.shape[:2], shape.value_dim)
        lse = query.new_empty(query.shape[:2], dtype=torch.float32)
        for launch in self.attend_launches(query, layer, options):
            launch.run(self.device)
        self.merge_launch(out, lse, layer, options).run(self.device)
        return out, lse

    def attend_launches(
        self, query: torch.Tensor, layer: int, options: AttentionOptions
    ) -> Iterator[KernelLaunch]:
        """The launches that compute all partial results.

        Nodes and suffixes have one each, because they want tiles of different size: a program holds its
        tile's share of the chip even if it has nothing to do, and a suffix has few lanes.
        """
        common = self._common(query, layer, options)
        kv_heads, group = self._pool.layers[layer].kv_heads, common["GROUP"]
        nodes = {
            "items": self._buffers.items,
            "addresses": self._buffers.addresses[layer],
            "LANES": padded(self._tile_rows * group),
            "CAUSAL": self._prefill,
        }
        grid = (self.capacity.items, kv_heads)
        yield _launch(triton_kernels.attend_nodes_kernel, grid, common | nodes, self._tile)
        if self._suffix_splits:
            suffixes = {
                **self._arena(layer),
                "suffix_splits": self._suffix_splits,
                "LANES": padded(group),
                "SPLIT": self._splits.suffix,
            }
            grid = (self.capacity.rows * self._suffix_splits, kv_heads)
            yield _launch(triton_kernels.attend_suffixes_kernel, grid, common | suffixes, self._suffix_tile)

    def merge_launch(
        self, out: torch.Tensor, lse: torch.Tensor, layer: int, options: AttentionOptions
    ) -> KernelLaunch:
        """The launch that merges them into `out` and `lse`."""
        rows, heads, value_dim = out.shape
        partial_out, partial_sum = self._partials(heads, value_dim)
        block = max(1, min(_MERGE_ELEMENTS // padded(value_dim), 1 << (heads - 1).bit_length()))
        arguments = {
            "partial_out": partial_out,
            "partial_sum": partial_sum,
            "rows": self._buffers.rows,
            "positions": self.positions,
            "sinks": lse if options.sinks is None else options.sinks,
            "out": out,
            "lse": lse,
            "HEADS": heads,
            "VALUE_DIM": value_dim,
            "HEADS_BLOCK": block,
            "VALUE_BLOCK": padded(value_dim),
            "SUFFIX_SPLIT": self._splits.suffix,
            "SUFFIXES": self._suffix_splits > 0,
            "SINKS": options.sinks is not None,
        }
        return KernelLaunch(triton_kernels.merge_kernel, (rows, -(-heads // block)), arguments, warps=4)

    def write_launch(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> KernelLaunch:
        """The launch of `write`."""
        self._check_stored("keys", keys, layer, self._pool.layers[layer].key_dim)
        self._check_stored("values", values, layer, self._pool.layers[layer].value_dim)
        arguments = {
            "keys": keys,
            "values": values,
            "key_row_stride": keys.stride(0),
            "key_head_stride": keys.stride(1),
            "value_row_stride": values.stride(0),
            "value_head_stride": values.stride(1),
            "rows": self._buffers.rows,
            "positions": self.positions,
            **self._dims(layer),
            **self._arena(layer),
        }
        return KernelLaunch(triton_kernels.write_kernel, tuple(keys.shape[:2]), arguments, warps=1)

    @property
    def _slots(self) -> int:
        return self.capacity.node_partials + self.capacity.rows * self._suffix_splits

    def _layout(self, plan: AttentionPlan) -> PlanLayout:
        return PlanLayout.of(plan, self._tile_rows, self._splits)

    def _partials(self, heads: int, value_dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views of the scratch: `[slots, heads, value_dim]`, and `[slots, heads, 2]`."""
        size = self._slots * heads * value_dim
        sums = self._scratch[size : size + self._slots * heads * 2]
        return self._scratch[:size].view(-1, heads, value_dim), sums.view(-1, heads, 2)

    def _common(self, query: torch.Tensor, layer: int, options: AttentionOptions) -> dict[str, Any]:
        """The arguments that both kinds of attention take."""
        partial_out, partial_sum = self._partials(query.shape[1], self._pool.layers[layer].value_dim)
        return {
            "query": query,
            "query_row_stride": query.stride(0),
            "query_head_stride": query.stride(1),
            "rows": self._buffers.rows,
            "positions": self.positions,
            "partial_out": partial_out,
            "partial_sum": partial_sum,
            "tempered": options.scale / options.softcap if options.softcap else 1.0,
            "unit": _LOG2_E * (options.softcap or options.scale),
            "window": options.sliding_window or 0,
            "HEADS": query.shape[1],
            "GROUP": query.shape[1] // self._pool.layers[layer].kv_heads,
            "WINDOWED": options.sliding_window is not None,
            "CAPPED": options.softcap is not None,
            **self._dims(layer),
        }

    def _dims(self, layer: int) -> dict[str, int]:
        shape = self._pool.layers[layer]
        return {
            "KEY_DIM": shape.key_dim,
            "VALUE_DIM": shape.value_dim,
            "KEY_BLOCK": padded(shape.key_dim),
            "VALUE_BLOCK": padded(shape.value_dim),
        }

    def _arena(self, layer: int) -> dict[str, Any]:
        """The suffix pages, and who has which."""
        pages = self._pool.pages
        return {
            "arena_keys": pages.keys[layer],
            "arena_values": pages.values[layer],
            "pages": self._buffers.pages,
            "row_pages": self.capacity.row_pages,
            "PAGE_TOKENS": pages.page_tokens,
        }

    def _check_stored(self, name: str, vectors: torch.Tensor, layer: int, dim: int) -> None:
        shape = self._pool.layers[layer]
        if vectors.shape[1:] != (shape.kv_heads, dim) or len(vectors) > self.capacity.rows:
            raise ValueError(
                f"{name} of shape {tuple(vectors.shape)} do not fit: layer {layer} stores {shape.kv_heads} "
                f"heads of {dim}, and the plan has room for {self.capacity.rows} rows"
            )
        if vectors.dtype != shape.dtype:
            raise ValueError(f"the {name} are {vectors.dtype} and layer {layer} stores {shape.dtype}")
        if vectors.stride(-1) != 1:
            raise ValueError(
                f"the last axis of the {name} must be contiguous; their strides are {vectors.stride()}"
            )

    def _check(self, query: torch.Tensor, layer: int, options: AttentionOptions) -> None:
        shape = self._pool.layers[layer]
        if query.dtype not in DTYPES:
            raise ValueError(f"these kernels compute in {', '.join(map(str, DTYPES))}, not in {query.dtype}")
        if query.dtype != shape.dtype:
            raise ValueError(
                f"the query is {query.dtype} and layer {layer} stores {shape.dtype}; they must agree"
            )
        if len(query) > self.capacity.rows:
            raise ValueError(f"the query has {len(query)} rows and the plan room for {self.capacity.rows}")
        if query.shape[1] > self.query_heads:
            raise ValueError(
                f"the query has {query.shape[1]} heads and the plan is for at most {self.query_heads}"
            )
        if query.stride(-1) != 1:
            raise ValueError(f"the query's last axis must be contiguous; its strides are {query.stride()}")
        if not options.scale > 0:
            raise ValueError(f"scale is {options.scale}; these kernels need one above 0")


def _launch(kernel: Any, grid: tuple[int, ...], arguments: dict[str, Any], tile: TileShape) -> KernelLaunch:
    """A launch with a tile's constants and what runs it."""
    constants = {"TOKENS": tile.tokens, "STAGES": tile.stages}
    return KernelLaunch(kernel, grid, arguments | constants, tile.warps, tile.registers)


def scratch_size(
    pool: KvPool, query_heads: int, capacity: PlanCapacity, splits: SplitLengths | None = None
) -> int:
    """The float32 numbers that the partial results of plans of a capacity take, at most."""
    widest = max(layer.value_dim for layer in pool.layers)
    slots = capacity.node_partials + capacity.rows * _suffix_splits(pool, capacity, splits or SplitLengths())
    return slots * query_heads * (widest + 2)


def _suffix_splits(pool: KvPool, capacity: PlanCapacity, splits: SplitLengths) -> int:
    return -(-capacity.row_pages * pool.pages.page_tokens // splits.suffix)


def tile_for(pool: KvPool, query_heads: int, rows: int) -> TileShape:
    """The tile of plans of up to `rows` rows that read together, on the device of the pool."""
    device = pool.layers[0].device
    hopper = device.type != "cuda" or torch.cuda.get_device_capability(device) >= (9, 0)
    return choose_tile(pool.layers, query_heads, rows, hopper=hopper)


def _check_unfolded(plan: AttentionPlan) -> None:
    """On a GPU no node is folded; see `tree_attention.fold`."""
    parts = (*plan.parts, *plan.folded)
    folded = next((part.node for part in parts if part.node.arena is not None), None)
    if folded is not None:
        raise ValueError(
            f"the node of {folded.length} tokens at position {folded.start} is folded, and these kernels "
            "read only nodes with storage of their own; allocate it without the number of its readers"
        )


def attend(
    query: torch.Tensor, pool: KvPool, layer: int, step: AttentionStep, options: AttentionOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """The backend; contract in `tree_attention.attention.tree_attention_with_lse`."""
    return _loaded(step, pool, query.shape[1]).attend(query, layer, options)


# The layers of a call share the arrays of its step, which go with it.
_OF_STEP: weakref.WeakKeyDictionary[AttentionStep, DevicePlan] = weakref.WeakKeyDictionary()


def _loaded(step: AttentionStep, pool: KvPool, query_heads: int) -> DevicePlan:
    plan = _OF_STEP.get(step)
    if plan is None or plan.query_heads < query_heads:
        plan = _OF_STEP[step] = plan_of_step(step, pool, query_heads)
    return plan


def plan_of_step(
    step: AttentionStep, pool: KvPool, query_heads: int, splits: SplitLengths | None = None
) -> DevicePlan:
    """A device plan of a step's size, with the step's plan loaded."""
    plan = step.plan
    splits = splits or SplitLengths()
    tile = tile_for(pool, query_heads, plan.rows if plan.shares_reads else 1)
    layout = PlanLayout.of(plan, _tile_rows(pool, query_heads, tile), splits)
    lengths = np.zeros(plan.rows, dtype=np.int64) if step.host_lengths is None else step.host_lengths
    longest = 0 if plan.branches is None else int(lengths.max(initial=0)) + 1  # with the token of this step
    capacity = layout.capacity(row_pages=-(-longest // pool.pages.page_tokens)).rounded()
    device_plan = DevicePlan(
        pool, query_heads, capacity, prefill=plan.branches is None, tile=tile, splits=splits
    )
    device_plan.load(plan, step.host_positions, lengths)
    return device_plan


def _tile_rows(pool: KvPool, query_heads: int, tile: TileShape) -> int:
    return tile.rows(max(query_heads // layer.kv_heads for layer in pool.layers))
