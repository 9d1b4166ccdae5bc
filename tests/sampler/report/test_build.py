from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from sampler.config import ConfigError, ReportConfig
from sampler.report import build_report
from sampler.run_dir import RunDirError


@pytest.fixture
def run(make_run, sample, problem):
    samples = [sample("a", 0), sample("a", 1, "WA", program="print(2)"), sample("b", 0, "RE")]
    return make_run([problem("a"), problem("b", title='Say "hi", \ud800')], samples, planned=2)


def test_writes_three_files_and_returns_the_summary(run):
    summary = build_report(run.path)
    assert {file.name for file in run.report.iterdir()} == {"index.html", "summary.json", "per_problem.csv"}
    assert json.loads((run.report / "summary.json").read_text("utf-8")) == summary
    assert "<!DOCTYPE html>" in (run.report / "index.html").read_text("utf-8")
    assert all(file.stat().st_mode & 0o777 == 0o644 for file in run.report.iterdir())


def test_csv(run):
    build_report(run.path)
    with (run.report / "per_problem.csv").open(encoding="utf-8", newline="") as file:
        a, b = csv.DictReader(file)
    assert (a["problem_id"], a["n"], a["c"], a["pass_at_1"], a["pass_at_2"]) == ("a", "2", "1", "0.5", "1.0")
    assert (a["AC"], a["WA"], a["INTERNAL_ERROR"], a["drawn"]) == ("1", "1", "0", "2")
    assert (b["title"], b["pass_at_1"], b["pass_at_2"]) == ('Say "hi", \\ud800', "0.0", "")


def test_building_again_gives_the_same_bytes(run):
    build_report(run.path)
    first = {file.name: file.read_bytes() for file in run.report.iterdir()}
    build_report(str(run.path))
    assert {file.name: file.read_bytes() for file in run.report.iterdir()} == first


def test_settings_come_from_the_runs_own_config(run):
    run.config_path.write_text("[report]\nconfidence = 0.8\nresamples = 50\n")
    assert build_report(run.path)["interval"] == {
        "method": "percentile bootstrap over problems",
        "confidence": 0.8,
        "resamples": 50,
        "seed": 0,
    }
    assert build_report(run.path, ReportConfig(confidence=0.5))["interval"]["confidence"] == 0.5


def test_programs_per_problem_is_obeyed_and_said(run):
    build_report(run.path, ReportConfig(programs_per_problem=1))
    page = (run.report / "index.html").read_text("utf-8")
    assert "1 more distinct program (1 sample) is not shown here" in page
    assert "print(2)" not in page


@pytest.mark.parametrize("rows", [True, False])
def test_works_on_an_unfinished_run(make_run, sample, problem, rows):
    run = make_run([problem("a")], [sample("a", 0, None)] if rows else [])
    assert build_report(run.path)["complete"] is False
    assert "This run is not finished." in (run.report / "index.html").read_text("utf-8")


def test_works_without_any_problem(make_run):
    run = make_run([], [])
    assert build_report(run.path)["problems"] == 0


def test_refuses_what_is_no_run(tmp_path):
    with pytest.raises(RunDirError, match=r"no run directory"):
        build_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_refuses_an_unknown_setting(run):
    run.config_path.write_text("[report]\nconfidance = 0.8\n")
    with pytest.raises(ConfigError, match=r"report\.confidence"):
        build_report(run.path)


def test_a_report_that_cannot_be_written_leaves_the_old_one(run, monkeypatch):
    build_report(run.path)
    before = (run.report / "index.html").read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        build_report(run.path, ReportConfig(confidence=0.5))
    assert (run.report / "index.html").read_bytes() == before
    assert len(list(run.report.iterdir())) == 3


def test_importing_the_package_is_light():
    code = "import sys, sampler.report as r; print({'numpy', 'scipy', 'jinja2', 'rich'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
