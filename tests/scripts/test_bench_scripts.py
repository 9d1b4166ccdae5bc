"""The benchmark scripts, from the command line to the file and the table, on the real thing made tiny."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bench_attention
import bench_decode
import bench_engine
import pytest
import torch
from benchmarking.models import SHAPES, ModelShape

torch.set_num_threads(1)
TINY = ModelShape("tiny", "llama", 32, 2, 4, 2, 64, 512, tied=True, head_dim=8)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(SHAPES, "tiny", TINY)


def _run(main: Any, out: Path, *arguments: str) -> dict[str, Any]:
    main([*arguments, "--threads", "1", "--quick", "--out", str(out)])
    return json.loads(out.read_text(encoding="utf-8"))


def test_a_point_of_the_decode_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "decode.json"
    grid = ["--models", "tiny", "--batch", "4", "--prefix", "40", "--suffix", "12", "--generate", "60"]
    found = _run(bench_decode.main, out, *grid)
    (point,) = found["points"]
    assert point["key"] == {"model": "tiny", "batch": 4, "prefix": 40, "suffix": 12}
    assert list(point["systems"]) == list(bench_decode.SYSTEMS)
    for system in point["systems"].values():
        assert system["rows"] == 4
        low, high = system["step"]["quartiles_ms"]
        assert 0 < low <= system["step"]["median_ms"] <= high
        assert system["generation_tokens_per_second"] > 0
    assert set(point["speed_over"]) == set(bench_decode.SYSTEMS) - {"tree", "no_attention"}
    assert point["floor_ms"] > point["attention_floor_ms"] > 0
    assert point["floor_over_time"] > point["ceiling_over_time"] > 0
    assert found["machine"]["torch"] == torch.__version__
    assert "x hf_static" in capsys.readouterr().out

    written = out.stat().st_mtime_ns
    _run(bench_decode.main, out, *grid, "--resume")
    assert out.stat().st_mtime_ns == written  # nothing was left to measure
    with pytest.raises(SystemExit, match="--resume"):
        _run(bench_decode.main, out, *grid)
    bench_decode.main(["--models", "tiny", "--minutes", "0", "--quick", "--out", str(out), "--resume"])
    assert "--resume goes on" in capsys.readouterr().out


def test_the_workload_compares_the_modes_at_both_batches(tmp_path: Path):
    memory = 30 * 256 * (16 + 8 + 16) / 2**30  # bytes a token, tokens of a sample with its own problem
    out = tmp_path / "workload.json"
    arguments = ["--workload", "three-level", "--models", "tiny", "--kv-memory", str(memory), "--rounds", "1"]
    (point,) = _run(bench_decode.main, out, *arguments)["points"]
    for condition in ("equal", "largest"):
        modes = point[condition]["modes"]
        assert list(modes) == ["tree", "single_level", "per_sequence", "no_attention"]
        # root 64, problems 8 and 16, each prefilled once, or once for each of its 4 samples
        assert modes["tree"]["prefill_tokens"] == 64 + 8 + 16
        assert modes["single_level"]["prefill_tokens"] == 64 + 4 * (8 + 16)
        assert 0 < modes["tree"]["kv_bytes_peak"] < modes["single_level"]["kv_bytes_peak"]
        assert modes["tree"]["mean_rows"] == 8  # all samples, each 7 steps after its first token
        assert modes["no_attention"]["kv_bytes_peak"] == 0
        assert point[condition]["floor_over_time"] > 0
        assert set(point[condition]["time_over"]) == {"single_level", "per_sequence"}
    assert point["largest batch over single_level"] > 0


def test_the_share_of_the_engine_around_the_model(tmp_path: Path):
    arguments = ["--model", "demo", "--rows", "8", "--samples", "2", "--rounds", "1", "--new-tokens", "6"]
    found = _run(bench_engine.main, tmp_path / "engine.json", *arguments, "--shared", "32", "--own", "8")
    (point,) = found["points"]
    assert sum(point["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert min(point["shares"].values()) >= 0
    assert point["around"] == pytest.approx(1 - point["shares"]["forward"], abs=1e-3)
    assert sum(point["finish_reasons"].values()) == 16
    assert 0 < point["mean_rows"] <= 8 + 16  # first tokens are drawn outside the steps


def test_attention_alone_against_its_roofline(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["--heads", "4/2/8", "--rows", "4", "--prefix", "1024", "--suffix", "0", "9", "--rounds", "1"]
    found = _run(bench_attention.main, tmp_path / "attention.json", *arguments)
    assert [point["key"]["suffix"] for point in found["points"]] == [0, 9]
    for point in found["points"]:
        assert set(point["systems"]) == {"tree", "per_sequence", "sdpa"}
        assert point["floor_us"] > 0
        assert point["floor_over_time"] > 0
        assert min(point["speed_over"].values()) > 0
    assert "Attention of one layer" in capsys.readouterr().out


@pytest.mark.parametrize("heads", ["8", "8/3", "8/0", "a/b", "8/2/64/1"])
def test_heads_that_are_none_are_refused(heads: str):
    with pytest.raises(SystemExit, match="query heads / kv heads"):
        bench_attention.main(["--heads", heads, "--quick"])
