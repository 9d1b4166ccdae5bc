"""Runs that are killed at random moments and resumed hold exactly the rows of an unbroken run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sampler.run_dir import RunDir, key_of

ORCHARD = Path(sys.executable).with_name("orchard")
PROBLEMS, SAMPLES, KILLS = 6, 8, 6
SETTINGS = (
    *("--problems", f"bundled?difficulty=easy&limit={PROBLEMS}"),
    *("--samples", str(SAMPLES)),
    *("--seed", "11"),
    *("--sampling.max_new_tokens", "160"),
    *("--ray.unit_samples", "8"),  # small units: many places in which a kill can fall
    *("--engine.max_rows", "4"),
)


def start(out: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        command = [ORCHARD, "run", *SETTINGS, "--out", out]
        return subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)


def finish(out: Path, log: Path) -> None:
    process = start(out, log)
    assert process.wait(timeout=400) == 0, log.read_text()


def rows_on_disk(out: Path) -> int:
    return sum(part.read_bytes().count(b"\n") for part in out.glob("*-*.jsonl"))


def kill_at(out: Path, log: Path, rows: int, delay: float) -> bool:
    """Start the run, kill it `delay` seconds after `rows` more rows; False if it ended before."""
    wanted = rows_on_disk(out) + rows
    process = start(out, log)
    deadline = time.monotonic() + 300
    while process.poll() is None and rows_on_disk(out) < wanted:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    time.sleep(delay)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def results(out: Path) -> dict[str, dict]:
    """What a sample and a verdict are, without when, where and how long."""
    directory = RunDir(out)
    names = (
        "text",
        "program",
        "finish_reason",
        "new_tokens",
        "prompt_tokens",
        "prompt_sha256",
        "prompt_path",
    )
    samples = [(key_of(row), tuple(row[name] for name in names)) for row in directory.samples()]
    verdicts = [
        (key_of(row), (row["verdict"], row["passed"], row["total"], row["first_failed_test"]))
        for row in directory.verdicts()
    ]
    assert len(dict(samples)) == len(samples), "a sample stands twice"
    assert len(dict(verdicts)) == len(verdicts), "a verdict stands twice"
    return {"samples": dict(samples), "verdicts": dict(verdicts)}


@pytest.mark.slow
def test_kills_lose_and_double_nothing(tmp_path):
    unbroken, broken, log = tmp_path / "unbroken", tmp_path / "broken", tmp_path / "log"
    finish(unbroken, log)
    expected = results(unbroken)
    assert len(expected["samples"]) == len(expected["verdicts"]) == PROBLEMS * SAMPLES

    moments = random.Random(5)
    kills = 0
    for _ in range(KILLS):
        # The first falls before any row: in the imports, the start of Ray or the loading of the model.
        rows = 0 if kills == 0 else moments.randint(1, 10)
        kills += kill_at(broken, log, rows, delay=moments.uniform(0.0, 4.0 if kills == 0 else 0.5))
    assert kills >= 5, "the run ended before it could be killed often enough"
    assert rows_on_disk(broken) < rows_on_disk(unbroken), "nothing was left to resume"

    finish(broken, log)
    assert results(broken) == expected


@pytest.mark.slow
def test_an_interrupt_ends_the_run_politely_and_it_resumes(tmp_path):
    out, log = tmp_path / "run", tmp_path / "log"
    process = start(out, log)
    while rows_on_disk(out) == 0:
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "the same command resumes" in log.read_text()
    assert "Traceback" not in log.read_text()
    kept = rows_on_disk(out)
    finish(out, log)
    assert len(results(out)["verdicts"]) == PROBLEMS * SAMPLES
    assert rows_on_disk(out) >= kept > 0
