"""Device plans: decoding steps that change nothing on the host's side, and buffers that serve many plans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tree_attention.backend import AttentionOptions
from tree_attention.device_context import DevicePlanContext
from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import IntArray, LayerShape, NodeStorage
from tree_attention.plan import NO_BRANCH, AttentionPlan, AttentionStep
from tree_attention.plan_layout import PlanCapacity, SplitLengths
from tree_attention.reference import reference_attention_with_lse
from tree_attention.tile_shapes import LEAST_LANES, small_tile
from tree_attention.transformers_plugin import AttentionCall
from tree_attention.triton_backend import DevicePlan, plan_of_step

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
HEADS, KEY_DIM, VALUE_DIM = 4, 16, 24
CAPACITY = PlanCapacity(rows=4, nodes=4, items=4, node_partials=16, row_pages=4)
OPTIONS = AttentionOptions(scale=0.3)
SPLITS = SplitLengths(shortest=16, longest=16, suffix=4)


@dataclass
class Decoding:
    """Rows that decode in two layers, by a device plan and by the oracle."""

    pool: KvPool
    device_plan: DevicePlan
    plan: AttentionPlan
    positions: IntArray
    lengths: IntArray
    generator: torch.Generator

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator).to(DEVICE)

    def step(self) -> None:
        """One step: stores, attends, compares with the oracle, and counts on."""
        reference = AttentionStep.decode(self.plan, self.pool, self.positions, self.lengths)
        self.device_plan.load_pages()
        for layer in range(2):
            # Heads first in memory, as models give them.
            query = self.normal(HEADS, CAPACITY.rows, KEY_DIM).transpose(0, 1)
            keys = self.normal(2, CAPACITY.rows, KEY_DIM).transpose(0, 1)
            values = self.normal(2, CAPACITY.rows, VALUE_DIM).transpose(0, 1)
            self.device_plan.write(layer, keys, values)
            if layer != self.lengths[0] % 2:
                continue  # one layer's attention a step is enough
            out, lse = self.device_plan.attend(query, layer, OPTIONS)
            rows = self.plan.rows
            found = reference_attention_with_lse(query[:rows], self.pool, layer, reference, OPTIONS)
            torch.testing.assert_close(out[:rows].double(), found[0], atol=2e-6, rtol=0)
            torch.testing.assert_close(lse[:rows].double(), found[1], atol=2e-6, rtol=0)
            assert not out[rows:].any()
        self.device_plan.positions += 1
        self.positions = self.positions + (self.plan.branches != NO_BRANCH)
        self.lengths = self.lengths + (self.plan.branches != NO_BRANCH)

    def change(self, leaves: list[NodeStorage | None], branches: list[int], lengths: list[int]) -> None:
        """Other rows, in the same buffers."""
        self.plan = AttentionPlan.for_decode(leaves, branches)
        self.lengths = np.array(lengths, dtype=np.int64)
        ends = [0 if leaf is None else leaf.end for leaf in leaves]
        self.positions = np.array(ends, dtype=np.int64) + self.lengths
        self.device_plan.load(self.plan, self.positions, self.lengths)


def small_pool(dtype: torch.dtype = torch.float32) -> KvPool:
    pool = KvPool([LayerShape(2, KEY_DIM, VALUE_DIM, dtype, DEVICE)] * 2, page_tokens=2)
    pool.reserve_pages(16)
    return pool


def filled(pool: KvPool, parent: NodeStorage | None, length: int, generator: torch.Generator) -> NodeStorage:
    node = pool.allocate_node(parent, length)
    for tensor in (*node.keys, *node.values):
        tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return node


def start(*, pages: int = 4) -> tuple[Decoding, NodeStorage, NodeStorage]:
    generator = torch.Generator().manual_seed(1)
    pool = small_pool()
    root = filled(pool, None, 21, generator)
    leaf = filled(pool, root, 3, generator)
    capacity = PlanCapacity(**{**CAPACITY.__dict__, "row_pages": pages})
    device_plan = DevicePlan(pool, HEADS, capacity, tile=small_tile(32, 4), splits=SPLITS)
    none = np.empty(0, dtype=np.int64)
    plan = AttentionPlan.for_decode([], [])
    return Decoding(pool, device_plan, plan, none, none, generator), root, leaf


def test_steps_over_page_borders_and_a_change_of_rows() -> None:
    decoding, root, leaf = start()
    first, second, third = (decoding.pool.open_branch(node) for node in (root, leaf, leaf))
    decoding.change([root, leaf, leaf, None], [first, second, third, NO_BRANCH], [0, 0, 0, 0])
    for _ in range(5):  # into the third page, and the second split
        decoding.step()
    decoding.pool.close_branch(first)
    fourth = decoding.pool.open_branch(root)  # may get the first one's pages
    decoding.change([leaf, leaf, root], [second, third, fourth], [5, 5, 0])
    decoding.step()
    decoding.step()


def test_what_does_not_fit_is_refused() -> None:
    decoding, _, leaf = start(pages=1)
    pool, device_plan = decoding.pool, decoding.device_plan
    with pytest.raises(ValueError, match="load first"):
        device_plan.load_pages()
    with pytest.raises(ValueError, match="rows=5"):
        decoding.change([None] * 5, [NO_BRANCH] * 5, [0] * 5)
    branch = pool.open_branch(leaf)
    decoding.change([leaf], [branch], [0])
    for _ in range(2):
        decoding.step()
    with pytest.raises(ValueError, match="larger row_pages"):
        decoding.step()
    with pytest.raises(ValueError, match="5 rows and the plan room for 4"):
        device_plan.attend(torch.zeros(5, HEADS, KEY_DIM, device=DEVICE), 0, OPTIONS)
    with pytest.raises(ValueError, match="8 heads and the plan is for at most 4"):
        device_plan.attend(torch.zeros(4, 8, KEY_DIM, device=DEVICE), 0, OPTIONS)
    with pytest.raises(ValueError, match="holds 5 float32"):
        DevicePlan(pool, HEADS, CAPACITY, scratch=torch.empty(5, device=DEVICE))


@pytest.mark.parametrize(
    ("query", "scale", "message"),
    [
        (torch.zeros(4, HEADS, KEY_DIM, dtype=torch.float64), 1.0, "not in torch.float64"),
        (torch.zeros(4, HEADS, KEY_DIM, dtype=torch.float16), 1.0, "stores torch.float32"),
        (torch.zeros(4, KEY_DIM, HEADS).transpose(1, 2), 1.0, "last axis must be contiguous"),
        (torch.zeros(4, HEADS, KEY_DIM), 0.0, "scale is 0.0"),
    ],
)
def test_queries_and_options_that_cannot_be_served(query: torch.Tensor, scale: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        start()[0].device_plan.attend(query.to(DEVICE), 0, AttentionOptions(scale=scale))


def stored(decoding: Decoding, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first row's newest token, as the arena has it."""
    assert decoding.plan.branches is not None
    reference = AttentionStep.decode(decoding.plan, decoding.pool, decoding.positions, decoding.lengths)
    assert reference.suffix is not None
    page, place = int(reference.suffix.write_pages[0]), int(reference.suffix.write_offsets[0])
    pages = decoding.pool.pages
    return pages.keys[layer][page, :, place], pages.values[layer][page, :, place]


@pytest.mark.parametrize("layout", ["cut out", "heads of one", "dims first"])
def test_views_are_stored_as_they_read(layout: str) -> None:
    """As models give them: parts of wider vectors, one head for all, and with other axes in front."""
    decoding, _, leaf = start()
    branch = decoding.pool.open_branch(leaf)
    decoding.change([leaf], [branch], [0])
    expected = stored(decoding, 1)
    decoding.device_plan.load_pages()
    both = decoding.normal(4, 2, KEY_DIM + VALUE_DIM + 1)
    if layout == "heads of one":
        both = both[:, :1].expand(-1, 2, -1)
    keys, values = both[..., 1 : 1 + KEY_DIM], both[..., 1 + KEY_DIM :]
    if layout == "dims first":
        keys, values = (t.permute(2, 1, 0).contiguous().permute(2, 1, 0) for t in (keys, values))
        with pytest.raises(ValueError, match="last axis of the keys must be contiguous"):
            decoding.device_plan.write(1, keys, values)
        with pytest.raises(ValueError, match="last axis of the values must be contiguous"):
            decoding.device_plan.write(1, keys.contiguous(), values)
    call = AttentionCall(1, decoding.normal(4, HEADS, KEY_DIM), keys, values, None, OPTIONS)
    DevicePlanContext(decoding.device_plan).attend(call)
    assert torch.equal(expected[0], keys[0])
    assert torch.equal(expected[1], values[0])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            torch.zeros(4, 2, KEY_DIM, dtype=torch.float16),
            "keys are torch.float16 and layer 0 stores torch.fl",
        ),
        (
            torch.zeros(4, 2, KEY_DIM + 1),
            r"keys of shape \(4, 2, 17\) do not fit: layer 0 stores 2 heads of 16",
        ),
        (torch.zeros(4, 1, KEY_DIM), "do not fit"),
        (torch.zeros(5, 2, KEY_DIM), "room for 4 rows"),
    ],
)
def test_what_cannot_be_stored(keys: torch.Tensor, message: str) -> None:
    values = torch.zeros(4, 2, VALUE_DIM, device=DEVICE)
    with pytest.raises(ValueError, match=message):
        start()[0].device_plan.write(0, keys.to(DEVICE), values)


def test_rows_that_read_each_for_itself_get_small_tiles() -> None:
    """However many they are: a large one would be all but empty. The result is the same, to rounding."""
    decoding, root, leaf = start()
    query = decoding.normal(40, HEADS, KEY_DIM)
    leaves = [root, leaf] * 20
    ends = np.array([node.end - 1 for node in leaves], dtype=np.int64)
    found = {}
    for share_reads, lanes in ((True, 2 * LEAST_LANES), (False, LEAST_LANES)):
        plan = AttentionPlan.for_decode(leaves, [NO_BRANCH] * 40, share_reads=share_reads)
        assert plan.shares_reads is share_reads
        step = AttentionStep.decode(plan, decoding.pool, ends, np.zeros(40, dtype=np.int64))
        device_plan = plan_of_step(step, decoding.pool, HEADS)
        launch = next(device_plan.attend_launches(query, 0, OPTIONS))
        assert launch.arguments["LANES"] == lanes
        found[share_reads] = device_plan.attend(query, 0, OPTIONS)[0]
        made = DevicePlan(decoding.pool, HEADS, device_plan.capacity, shares_reads=share_reads)
        assert next(made.attend_launches(query, 0, OPTIONS)).arguments["LANES"] == lanes
    torch.testing.assert_close(found[False], found[True], atol=2e-6, rtol=0)


def test_folded_nodes_are_refused(case_maker: Callable[..., Any]) -> None:
    case = case_maker(seed=3, fold=True).decode()  # on the CPU: nothing is folded on a GPU
    assert case.step.plan.folded
    device_plan = DevicePlan(case.pool, 4, PlanCapacity(64, 64, 64, 512, 4))
    with pytest.raises(ValueError, match="is folded"):
        device_plan.load(case.step.plan, case.step.host_positions, case.lengths)


def test_buffers_stay_where_they_are() -> None:
    """What a captured CUDA graph needs: the launches of two plans differ in data only."""
    decoding, root, leaf = start()
    query = torch.zeros(4, HEADS, KEY_DIM, device=DEVICE)
    branches = [decoding.pool.open_branch(leaf) for _ in range(3)]
    decoding.change([leaf] * 3, branches, [0] * 3)
    before = list(decoding.device_plan.attend_launches(query, 1, OPTIONS))
    decoding.change([root], branches[:1], [0])
    for launch, after in zip(before, decoding.device_plan.attend_launches(query, 1, OPTIONS), strict=True):
        assert launch.grid == after.grid
        for name, value in launch.arguments.items():
            other = after.arguments[name]
            same = value.data_ptr() == other.data_ptr() if isinstance(value, torch.Tensor) else value == other
            assert same, name


@pytest.mark.gpu
@pytest.mark.skipif(DEVICE.type != "cuda", reason="needs a CUDA device")
def test_a_captured_graph_serves_the_next_plan() -> None:
    decoding, root, leaf = start()
    branches = [decoding.pool.open_branch(node) for node in (root, leaf, leaf)]
    decoding.change([root, leaf, leaf], branches, [0] * 3)
    decoding.step()  # compiles; nothing may be compiled while capturing
    query = decoding.normal(4, HEADS, KEY_DIM)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out, _ = decoding.device_plan.attend(query, 0, OPTIONS)
    decoding.change([leaf, leaf], branches[1:], [0, 0])
    reference = AttentionStep.decode(decoding.plan, decoding.pool, decoding.positions, decoding.lengths)
    graph.replay()
    expected, _ = reference_attention_with_lse(query[:2], decoding.pool, 0, reference, OPTIONS)
    torch.testing.assert_close(out[:2].double(), expected, atol=2e-6, rtol=0)
