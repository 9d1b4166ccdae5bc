"""Runs that are killed at random moments and resumed hold exactly the rows of an unbroken run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sampler.run_dir import RunDir, key_of

ORCHARD = Path(sys.executable).with_name("orchard")
PROC = Path("/proc")
PROBLEMS, SAMPLES, KILLS = 6, 12, 6
Signalled = Callable[[int, int], None]
SETTINGS = (
    *("--problems", f"bundled?difficulty=easy&limit={PROBLEMS}"),
    *("--samples", str(SAMPLES)),
    *("--seed", "11"),
    *("--sampling.max_new_tokens", "160"),
    *("--ray.unit_samples", "8"),  # small units: many places in which a kill can fall
    *("--engine.max_rows", "4"),
)


@contextlib.contextmanager
def running(out: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a session of its own; a test that fails leaves none behind."""
    command = [ORCHARD, "run", *SETTINGS, "--out", out]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finish(out: Path, log: Path) -> None:
    with running(out, log) as process:
        assert process.wait(timeout=400) == 0, log.read_text()


def rows_on_disk(out: Path) -> int:
    return sum(part.read_bytes().count(b"\n") for part in out.glob("*-*.jsonl"))


def wait_for_rows(process: subprocess.Popen[bytes], out: Path, rows: int, log: Path) -> None:
    """Return when `rows` rows are on disk, or the run has ended."""
    deadline = time.monotonic() + 300
    while process.poll() is None and rows_on_disk(out) < rows:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


def kill_at(out: Path, log: Path, rows: int, delay: float, signalled: Signalled) -> int:
    """Start the run, kill it `delay` seconds after there are `rows` rows; returns its session."""
    with running(out, log) as process:
        wait_for_rows(process, out, rows, log)
        time.sleep(delay)
        assert process.poll() is None, "the run ended before it could be killed"
        signalled(process.pid, signal.SIGKILL)
        process.wait()
    return process.pid


def session_of(stat: Path) -> int:
    """The session of a process, from its /proc/PID/stat; 0 if it is gone or only waits to be reaped."""
    try:
        state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return 0
    return 0 if state == "Z" else int(session)


def wait_until_gone(sessions: set[int]) -> None:
    """A driver that is killed alone takes its Ray with it, though not at once."""
    deadline = time.monotonic() + 60
    while left := [stat.parent.name for stat in PROC.glob("[0-9]*/stat") if session_of(stat) in sessions]:
        assert time.monotonic() < deadline, f"processes {left} outlive their killed driver"
        time.sleep(0.2)


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
    # The first kill falls before any row: in the imports, the start of Ray or the loading of the model. The
    # others fall where so many rows are there, however fast the machine; the last leaves a third to do.
    at_rows = [0, *sorted(moments.sample(range(1, 2 * PROBLEMS * SAMPLES * 2 // 3), KILLS - 1))]
    sessions: set[int] = set()
    for number, rows in enumerate(at_rows):
        delay = moments.uniform(0.0, 0.02 if rows else 4.0)
        signalled = os.kill if number % 2 else os.killpg  # the driver alone, or Ray with it
        sessions.add(kill_at(broken, log, rows, delay, signalled))
    assert rows_on_disk(broken) < rows_on_disk(unbroken), "nothing was left to resume"

    finish(broken, log)
    assert results(broken) == expected
    wait_until_gone(sessions)


@pytest.mark.slow
def test_an_interrupt_ends_the_run_politely_and_it_resumes(tmp_path):
    out, log = tmp_path / "run", tmp_path / "log"
    with running(out, log) as process:
        wait_for_rows(process, out, 1, log)
        assert process.poll() is None, log.read_text()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert "the same command resumes" in log.read_text()
    assert "Traceback" not in log.read_text()
    kept = rows_on_disk(out)
    finish(out, log)
    assert len(results(out)["verdicts"]) == PROBLEMS * SAMPLES
    assert rows_on_disk(out) >= kept > 0
