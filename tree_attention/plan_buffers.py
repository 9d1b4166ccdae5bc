"""The arrays that kernels read a plan from, in buffers that stay in place.

All arrays are views of one buffer of fixed size, filled on the host and sent in one copy. Capacities can be
rounded up (`PlanCapacity.rounded`), so that plans of similar size fit the same buffers: a CUDA graph that was
captured over them serves all of those plans. Within a plan a decoding step changes nothing here but the
positions, which the device itself counts up, and now and then the table of pages.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from tree_attention.host_copies import made_current
from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import NODE_PAGE, IntArray, NodeStorage
from tree_attention.plan import NO_BRANCH, AttentionPlan
from tree_attention.plan_layout import ITEM_FIELDS, PlanCapacity, PlanLayout

ROW_FIELDS = 4  # offset of the partial results, how many of nodes, position of the suffix's start, unused
NO_SUFFIX = 1 << 30  # position of the first token of a suffix that does not exist: beyond every row's
_ALIGNMENT = 16  # bytes; what lets a kernel read several numbers at once

ArrayShape = tuple[tuple[int, ...], torch.dtype]


class PlanBuffers:
    """The arrays of one plan at a time on the device, at fixed addresses.

    Attributes:
        capacity: the room there is.
        addresses: `[layers, nodes, 2]` int64, where each node's keys and values lie.
        positions: `[rows]` int64, of the rows' tokens; the caller adds 1 with each decoding step.
        items: `[items, ITEM_FIELDS]` int32; the node of an unused one is -1.
        rows: `[rows, ROW_FIELDS]` int32.
        pages: `[rows, row_pages]` int32, the pages of each row's suffix in the order of its tokens.
    """

    def __init__(self, capacity: PlanCapacity, pool: KvPool) -> None:
        device = pool.layers[0].device
        self.capacity = capacity
        shapes: list[ArrayShape] = [
            ((len(pool.layers), capacity.nodes, 2), torch.int64),
            ((capacity.rows,), torch.int64),
            ((capacity.items, ITEM_FIELDS), torch.int32),
            ((capacity.rows, ROW_FIELDS), torch.int32),
            ((capacity.rows, capacity.row_pages), torch.int32),
        ]
        self._buffer = torch.zeros(sum(_aligned_bytes(*s) for s in shapes), dtype=torch.uint8, device=device)
        self.addresses, self.positions, self.items, self.rows, self.pages = _views(self._buffer, shapes)
        self._pages_at = len(self._buffer) - _aligned_bytes(*shapes[-1])
        self._known: weakref.WeakKeyDictionary[NodeStorage, IntArray] = weakref.WeakKeyDictionary()
        # Two, in turn: one is filled while the copy of the other may still be under way.
        self._hosts = [_HostBuffer(self._buffer, shapes) for _ in range(2)]

    def load(
        self,
        layout: PlanLayout,
        plan: AttentionPlan,
        pool: KvPool,
        positions: IntArray,
        lengths: IntArray,
        suffix_partials: int,
    ) -> None:
        """Fills all arrays.

        Args:
            layout: of `plan`.
            plan: at most as large as the capacity.
            pool: that of the plan's nodes and branches.
            positions: `[rows]`, of the rows' next tokens.
            lengths: `[rows]`, tokens in each row's suffix before the next step; read for decoding only.
            suffix_partials: partial results that are kept room for after the nodes' in each row.
        """
        host = self._next_host()
        for index, part in enumerate(layout.nodes):
            host.addresses[:, index] = self._addresses_of(layout.parts[part].node)
        host.positions[: plan.rows] = positions
        host.positions[plan.rows :] = 0
        host.items[: len(layout.items)] = layout.items
        host.items[len(layout.items) :, 0] = -1
        host.rows[:] = (0, 0, NO_SUFFIX, 0)
        room = layout.counts + suffix_partials
        host.rows[: plan.rows, 0] = np.cumsum(room) - room
        host.rows[: plan.rows, 1] = layout.counts
        if plan.branches is not None:
            starts = np.where(plan.branches == NO_BRANCH, NO_SUFFIX, positions - lengths)
            host.rows[: plan.rows, 2] = starts
        fill_page_table(host.pages, plan, pool)
        self._send(host, 0)

    def load_pages(self, plan: AttentionPlan, pool: KvPool) -> None:
        """Fills the table of pages alone, after branches of `plan`, which is loaded, have got new ones."""
        host = self._next_host()
        fill_page_table(host.pages, plan, pool)
        self._send(host, self._pages_at)

    def _addresses_of(self, node: NodeStorage) -> IntArray:
        """`[layers, 2]`, where a node's keys and values lie; looked up once, as they are many."""
        found = self._known.get(node)
        if found is None:
            pairs = zip(node.keys, node.values, strict=True)
            found = np.array([(k.data_ptr(), v.data_ptr()) for k, v in pairs], dtype=np.int64)
            self._known[node] = found
        return found

    def _next_host(self) -> _HostBuffer:
        self._hosts.reverse()
        self._hosts[0].wait()
        return self._hosts[0]

    def _send(self, host: _HostBuffer, start: int) -> None:
        self._buffer[start:].copy_(host.buffer[start:], non_blocking=True)
        host.sent()


def fill_page_table(table: npt.NDArray[np.int32], plan: AttentionPlan, pool: KvPool) -> None:
    """Writes the pages of the branches of a plan's rows into `table`, `[rows, row_pages]`, in order.

    Raises:
        ValueError: a row's branch has more pages than the table has columns.
    """
    if plan.branches is None:
        return
    pages = pool.pages
    live = np.flatnonzero(plan.branches != NO_BRANCH)
    highest = max(int(plan.branches.max(initial=0)), int(pages.owner.max(initial=0)))
    row_of_branch = np.full(highest + 1 - NODE_PAGE, -1)  # its last entries are of FREE_PAGE and NODE_PAGE
    row_of_branch[plan.branches[live]] = live
    row = row_of_branch[pages.owner]
    ours = np.flatnonzero(row >= 0)
    column = pages.first[ours] // pages.page_tokens
    if column.max(initial=-1) >= table.shape[1]:
        raise ValueError(
            f"a branch has {column.max() + 1} suffix pages, and the plan's buffers have room for "
            f"{table.shape[1]}; make them with a larger row_pages"
        )
    table[row[ours], column] = ours


class _HostBuffer:
    """The arrays on the host, in memory from which a GPU copies by itself."""

    def __init__(self, device_buffer: torch.Tensor, shapes: Sequence[ArrayShape]) -> None:
        self._device = device_buffer.device
        self._on_gpu = device_buffer.is_cuda
        self._copied: torch.cuda.Event | None = None
        with made_current(self._device):
            self.buffer = torch.zeros(len(device_buffer), dtype=torch.uint8, pin_memory=self._on_gpu)
        self.addresses, self.positions, self.items, self.rows, self.pages = (
            view.numpy() for view in _views(self.buffer, shapes)
        )

    def sent(self) -> None:
        """Notes that a copy from here has been queued."""
        if self._on_gpu:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(self._device))

    def wait(self) -> None:
        """Waits for the last copy from here, which has mostly ended long ago."""
        if self._copied is not None:
            self._copied.synchronize()


def _views(buffer: torch.Tensor, shapes: Sequence[ArrayShape]) -> list[torch.Tensor]:
    """Tensors of these shapes and types, one after the other in `buffer`."""
    views = []
    start = 0
    for shape, dtype in shapes:
        size = math.prod(shape) * dtype.itemsize
        views.append(buffer[start : start + size].view(dtype).view(shape))
        start += _aligned_bytes(shape, dtype)
    return views


def _aligned_bytes(shape: tuple[int, ...], dtype: torch.dtype) -> int:
    return -(-math.prod(shape) * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
