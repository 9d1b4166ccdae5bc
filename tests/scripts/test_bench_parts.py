"""The parts of the benchmarks: floors by hand, decoders that do what they are timed for, result files."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarking.decoders import WARM_UP, Clock, Decoder, Point
from benchmarking.grid import Settings, measure_point, rows_for
from benchmarking.meter import Meter
from benchmarking.models import SHAPES, ModelShape, build_model
from benchmarking.own import OwnDecoder, random_batch
from benchmarking.peers import HfGenerate, HfGenerateBatch
from benchmarking.rates import Rates, Samples
from benchmarking.results import ResultFile, ResultFileError, plain_table
from benchmarking.roofline import decode_seconds, part_seconds, step_seconds

from sampler.core import SamplingParams
from sampler.engine.call_shapes import FREE
from sampler.engine.modes import ATTENTION_MODES
from sampler.engine.tensor_parallel import RankGroup
from sampler.engine.tree_decoder import TreeDecoder
from tree_attention import AttentionPlan, AttentionStep, KvPool, OpenedModel, PrefillSpan, open_model

torch.set_num_threads(1)
CPU = torch.device("cpu")
TINY = ModelShape("tiny", "llama", 32, 2, 4, 2, 64, 512, tied=True, head_dim=8)
RATES = Rates(flops=1e9, bytes=1e6)  # a query and a key cost 256 operations, a token 256 bytes: 1000 to 1
POINT = Point(batch=4, prefix=24, suffix=20, steps=3)


@pytest.fixture(scope="module")
def opened() -> OpenedModel:
    return open_model(build_model(TINY, CPU, torch.float32))


def test_shapes_count_what_their_models_have():
    assert TINY.token_bytes(torch.float32) == 2 * 2 * 2 * 8 * 4
    assert TINY.pair_flops == 2 * 4 * 4 * 8
    model = build_model(TINY, CPU, torch.float32)
    weights = sum(parameter.numel() for parameter in model.parameters() if parameter.dim() > 1)
    assert TINY.parameters == weights
    for name in ("llama-25m-gqa", "llama-25m-mha"):
        assert 20e6 < SHAPES[name].parameters < 30e6
    assert 6.5e9 < SHAPES["codellama-7b"].parameters < 7e9
    assert 1.4e9 < SHAPES["qwen2.5-coder-1.5b"].parameters < 1.6e9


def test_a_part_takes_the_larger_of_its_bytes_and_its_operations():
    assert part_seconds(10, 1, 256, 256, RATES) == pytest.approx(10 * 256 / 1e6)
    assert part_seconds(10, 5000, 256, 256, RATES) == pytest.approx(10 * 5000 * 256 / 1e9)
    both = decode_seconds([(10, 5000), (10, 1)], [3, 4], TINY, 256, RATES)
    assert both == pytest.approx(0.0128 + 0.00256 + 7 * 256e-6)


def test_the_floor_of_a_step_counts_each_node_and_suffix_once(opened: OpenedModel):
    pool = KvPool(opened.layers)
    root = pool.allocate_node(None, 10)
    leaf = pool.allocate_node(root, 6)
    branches = [pool.open_branch(root), pool.open_branch(leaf), pool.open_branch(leaf)]
    lengths = np.array([2, 0, 1])
    for branch, length in ((branches[0], 0), (branches[0], 1), (branches[2], 0)):
        pool.extend_branches(np.array([branch]), np.array([length]))
    plan = AttentionPlan.for_decode([root, leaf, leaf, None], [*branches, -1])
    step = AttentionStep.decode(plan, pool, np.array([12, 16, 17, 0]), np.array([2, 0, 1, 0]))
    tokens = 10 + 6 + int((lengths + 1).sum())  # few rows: bytes count
    assert step_seconds(step, TINY, 256, RATES) == pytest.approx(tokens * 256e-6)

    prefill = AttentionStep.prefill(AttentionPlan.for_prefill([PrefillSpan(leaf, 2, 6)]), CPU)
    busy = Rates(flops=1e3, bytes=1e9)
    pairs = 4 * 10 + 4 * 2 + 4 * 5 / 2  # the root, the node's tokens before, and the chunk's own
    assert step_seconds(prefill, TINY, 256, busy) == pytest.approx(pairs * 256e-3)


@torch.inference_mode()
def test_modes_differ_in_what_they_read_and_not_in_what_they_draw(opened: OpenedModel):
    drawn, shared = {}, {}
    point = replace(POINT, prefix=800)  # long enough not to be folded
    for mode in ("tree", "per_sequence", "no_attention"):
        decoder = TreeDecoder(opened, ATTENTION_MODES[mode], FREE, RankGroup(), 2**30)
        runner = decoder.runner(SamplingParams(temperature=1.0, top_p=1.0))
        torch.manual_seed(1)
        runner.begin(random_batch(decoder.pool, point, 4, opened.tree_model.vocabulary))
        tokens = []
        for _ in range(6):
            runner.launch()
            tokens.append(runner.collect().tokens.tolist())
        drawn[mode], shared[mode] = tokens, runner.shared_reads
    assert drawn["tree"] == drawn["per_sequence"]
    assert drawn["tree"] != drawn["no_attention"]
    assert (shared["tree"], shared["per_sequence"]) == (3 * 800, 0)


@pytest.mark.parametrize("name", ["tree", "hf_dynamic", "hf_static", "hf_batch"])
def test_decoders_time_the_steps_of_the_point(opened: OpenedModel, name: str):
    decoder = _decoders(opened)[name]
    samples = decoder.run(POINT, 3, 60.0)
    assert len(samples.seconds) == POINT.steps
    assert min(samples.seconds) > 0


@pytest.mark.parametrize("static", [False, True])
@torch.inference_mode()
def test_generate_begins_with_the_whole_prefix_for_every_row(opened: OpenedModel, static: bool):
    model = build_model(TINY, CPU, torch.float32)
    cache = HfGenerate(model, TINY, static=static)._cache(3, 30, 40)
    assert int(cache.get_seq_length()) == 30
    assert cache.layers[1].keys.shape == (3, 2, 40 if static else 30, 8)
    assert torch.equal(cache.layers[1].keys[0], cache.layers[1].keys[2])


def test_rows_are_cut_to_memory_and_time(opened: OpenedModel):
    decoder = HfGenerate(build_model(TINY, CPU, torch.float32), TINY, static=True)
    settings = Settings(CPU, torch.float32, memory=2**30)
    per_row = 2**30 / decoder.rows_that_fit(POINT, 2**30)
    assert per_row > TINY.token_bytes(torch.float32) * (POINT.prefix + POINT.suffix)
    assert rows_for(decoder, replace(POINT, batch=50), RATES, settings) == 50
    small = replace(settings, memory=int(per_row * 10.5))
    assert rows_for(decoder, replace(POINT, batch=50), RATES, small) == 8  # 10, cut to a multiple of 4
    assert rows_for(decoder, replace(POINT, batch=None), RATES, small) == 8
    assert rows_for(decoder, replace(POINT, batch=50), RATES, replace(settings, memory=1)) == 0
    quick = replace(settings, seconds=1.0)
    rows = rows_for(decoder, replace(POINT, batch=5000), RATES, quick)
    assert 4 * decoder.expected_seconds(POINT, rows, RATES) <= 1.0
    assert 4 * decoder.expected_seconds(POINT, 2 * rows, RATES) > 1.0


class _Fake:
    """A decoder whose steps take a given time a row, and whose memory ends at some row."""

    def __init__(self, name: str, seconds: float, most: int = 1000) -> None:
        self.name = name
        self._seconds = seconds
        self._most = most

    def rows_that_fit(self, point: Point, memory: int) -> int:
        return min(memory, 1000)

    def expected_seconds(self, point: Point, rows: int, rates: Rates) -> float:
        return 0.0

    def run(self, point: Point, rows: int, seconds: float) -> Samples:
        if rows > self._most:
            raise torch.OutOfMemoryError("too many")
        return Samples((self._seconds * rows,) * point.steps)


def test_a_point_compares_a_row_for_a_row():
    settings = Settings(CPU, torch.float32, memory=16, rounds=2, quick=True)
    decoders: list[Decoder] = [
        _Fake("tree", 0.002),
        _Fake("no_attention", 0.001),
        _Fake("hf_dynamic", 0.006, most=13),
        _Fake("hf_static", 0.1, most=2),
    ]
    found = measure_point(replace(POINT, batch=16), decoders, TINY, RATES, settings)
    assert found["speed_over"] == {"hf_dynamic": 3.0}
    assert found["systems"]["hf_dynamic"]["rows"] == 12
    assert found["systems"]["hf_static"] == {"refused": "out of memory at 4 rows"}
    assert found["systems"]["tree"]["tokens_per_second"] == 500.0
    assert found["ceiling_over_time"] == 0.5
    attention = found["floor_ms"] - 16.0
    assert attention == pytest.approx(found["attention_floor_ms"], abs=1e-3)
    assert found["floor_over_time"] == pytest.approx(found["floor_ms"] / 32, abs=1e-3)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the benchmarks' clocks show."""
    shown = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: shown[0])
    return shown


def test_a_clock_leaves_the_warm_up_out_and_stops_in_time(now: list[float]):
    clock = Clock(None, steps=100, seconds=7.0)
    assert clock.stamp()
    for took in (*[50.0] * WARM_UP, 1.0):  # time is up, but fewer than the least steps are timed
        now[0] += took
        assert clock.stamp()
    now[0] += 2.0
    assert not clock.stamp()
    assert clock.samples().seconds == (1.0, 2.0)

    clock = Clock(None, steps=3, seconds=1000.0)
    going = []
    for _ in range(WARM_UP + 4):
        going.append(clock.stamp())
        now[0] += 1.0
    assert going == [True] * (WARM_UP + 3) + [False]
    assert clock.samples().seconds == (1.0, 1.0, 1.0)


def test_a_meter_books_inner_parts_once(now: list[float]):
    meter = Meter()

    def advance(seconds: float) -> None:
        now[0] += seconds

    inner = meter.wrapped(advance, "inner")

    def work() -> None:
        advance(1.0)
        inner(2.0)
        inner(4.0)

    meter.wrapped(work, "outer")()
    assert meter.calls == {"inner": 2, "outer": 1}
    assert meter.seconds == {"inner": 6.0, "outer": 1.0}


def test_result_files_are_continued_only_when_asked_and_only_their_own(tmp_path: Path):
    path = tmp_path / "new" / "results.json"
    machine = {"device": "a machine"}
    results = ResultFile.open(path, "decode", machine, resume=True)
    results.add({"key": {"batch": 1}, "x": 1})
    results.add({"key": {"batch": 2}, "x": 2})
    results.add({"key": {"batch": 1}, "x": 3})
    again = ResultFile.open(path, "decode", machine, resume=True)
    assert [point["x"] for point in again.points] == [2, 3]
    assert again.find({"batch": 2}) == {"key": {"batch": 2}, "x": 2}
    with pytest.raises(ResultFileError, match="--resume"):
        ResultFile.open(path, "decode", machine, resume=False)
    with pytest.raises(ResultFileError, match="not decode on another"):
        ResultFile.open(path, "decode", {"device": "another"}, resume=True)


def test_a_plain_table_is_aligned():
    assert plain_table("t", ["a", "long"], [["123", "4"]]) == "t\n  a  long\n---------\n123     4"


def _decoders(opened: OpenedModel) -> dict[str, Decoder]:
    model = build_model(TINY, CPU, torch.float32)
    made: list[Decoder] = [
        OwnDecoder(opened, TINY, "tree"),
        HfGenerate(model, TINY, static=False),
        HfGenerate(model, TINY, static=True),
        HfGenerateBatch(model, TINY),
    ]
    return {decoder.name: decoder for decoder in made}
