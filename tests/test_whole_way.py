"""The whole way for real: the bundled model on the bundled problems, as the quickstart runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from sampler import load_run

ORCHARD = Path(sys.executable).with_name("orchard")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    done = subprocess.run(
        [ORCHARD, "run", "--out", out], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stdout, done.stderr


@pytest.mark.slow
def test_the_bundled_model_really_writes_programs(finished_run):
    """The bounds are those that the model card states."""
    out, _, _ = finished_run
    summary = json.loads((out / "report" / "summary.json").read_text(encoding="utf-8"))
    figures = {row["k"]: row["estimate"] for row in summary["pass_at_k"]}
    assert summary["complete"]
    assert summary["faults"] == []
    assert summary["problems"] >= 48
    assert summary["n"] == {"min": 32, "max": 32}
    assert 0.15 <= figures[1] <= 0.7
    assert figures[32] >= figures[1] + 0.15
    assert summary["solved"] <= 0.9 * summary["problems"]
    assert load_run(out).pass_at_k([1, 32]) == pytest.approx({1: figures[1], 32: figures[32]})


@pytest.mark.slow
def test_the_terminal_shows_the_table_and_the_way_to_the_report(finished_run):
    out, stdout, stderr = finished_run
    assert "pass@k" in stdout
    assert f"report: {out}/report/index.html" in stdout
    assert (out / "report" / "index.html").stat().st_size > 10_000
    assert "samples, " in stderr


@pytest.mark.slow
def test_the_rows_load_as_a_dataset(finished_run, tmp_path):
    out, _, _ = finished_run
    for kind in ("samples", "verdicts"):
        files = [str(part) for part in sorted(out.glob(f"{kind}-*.jsonl"))]
        rows = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path))["train"]
        assert len(rows) == len({(row["problem_id"], row["sample_index"]) for row in rows})
    assert len(load_run(out).samples) == len(rows)


@pytest.mark.slow
def test_the_same_command_finds_everything_in_place(finished_run):
    out, _, _ = finished_run
    before = {path.name: path.read_bytes() for path in out.glob("*.jsonl")}
    again = subprocess.run(
        [ORCHARD, "run", "--out", out], capture_output=True, text=True, check=True, timeout=200
    )
    assert "resumed: " in again.stderr
    assert {path.name: path.read_bytes() for path in out.glob("*.jsonl")} == before
    refused = subprocess.run(
        [ORCHARD, "run", "--out", out, "--seed", "1", "--sampling.top_k", "5"],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "seed: 0 there, 1 now" in refused.stderr
    assert "sampling.top_k: 0 there, 5 now" in refused.stderr
