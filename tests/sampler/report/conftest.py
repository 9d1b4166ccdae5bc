"""Run directories written row by row, as the pipeline writes them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from judge.rows import RowWriter
from sampler.run_dir import RunDir


@dataclass(frozen=True)
class FakeSample:
    """One sample row and, unless `verdict` is None, its verdict row."""

    problem_id: str
    sample_index: int
    verdict: str | None = "AC"
    program: str | None = "print(1)\n"
    text: str = "print(1)\n```"
    detail: dict[str, Any] | None = None
    finish_reason: str = "stop"
    extras: dict[str, Any] = field(default_factory=dict)

    def sample_row(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "problem_id": self.problem_id,
            "sample_index": self.sample_index,
            "prompt_path": ["problem:" + self.problem_id],
            "seed": 0,
            "prompt_sha256": "0" * 64,
            "text": self.text,
            "program": self.program,
            "language": "python",
            "extraction_rule": "fence" if self.program else "none",
            "finish_reason": self.finish_reason,
            "prompt_tokens": 100,
            "shared_prompt_tokens": 90,
            "new_tokens": 7,
            "started_at": "2026-01-01T00:00:00+00:00",
            "seconds": 0.5,
            "worker": "sampler-0",
        } | self.extras

    def verdict_row(self) -> dict[str, Any]:
        accepted = self.verdict == "AC"
        return {
            "schema_version": 1,
            "problem_id": self.problem_id,
            "sample_index": self.sample_index,
            "verdict": self.verdict,
            "passed": 4 if accepted else 1,
            "total": 4,
            "groups": {},
            "first_failed_test": None if accepted else (self.detail or {}).get("name"),
            "detail": self.detail,
            "cpu_seconds": 0.1,
            "wall_seconds": 0.1,
            "peak_memory_bytes": 1 << 20,
            "attempts": 3 if self.verdict == "INTERNAL_ERROR" else 1,
            "judge": "bubblewrap/1",
        }


def problem_entry(problem_id: str, difficulty: str | None = "easy", **more: Any) -> dict[str, Any]:
    entry = {"problem_id": problem_id, "title": problem_id.title(), "difficulty": difficulty, "tags": ["t"]}
    return entry | {"tests": 4, "digest": "0" * 64} | more


def write(
    path: Path,
    problems: Sequence[dict[str, Any]],
    samples: Sequence[FakeSample],
    planned: int = 4,
    **manifest: Any,
) -> RunDir:
    path.mkdir()
    full = {"schema_version": 1, "problems": list(problems), "samples": planned, "seed": 0}
    (path / "manifest.json").write_text(json.dumps(full | manifest))
    with RowWriter(path / "samples-0.jsonl") as rows, RowWriter(path / "verdicts-0.jsonl") as verdicts:
        for sample in samples:
            rows.append(sample.sample_row())
            if sample.verdict is not None:
                verdicts.append(sample.verdict_row())
    return RunDir(path)


WriteRun = Callable[..., RunDir]


@pytest.fixture(scope="session")
def write_run() -> WriteRun:
    """Write a run: `write_run(path, problems, samples, planned, **manifest)`."""
    return write


@pytest.fixture
def make_run(tmp_path: Path) -> WriteRun:
    """Write a run in the test's own folder: `make_run(problems, samples, planned, **manifest)`."""
    return functools.partial(write, tmp_path / "run")


@pytest.fixture(scope="session")
def sample() -> type[FakeSample]:
    return FakeSample


@pytest.fixture(scope="session")
def problem() -> Callable[..., dict[str, Any]]:
    return problem_entry
