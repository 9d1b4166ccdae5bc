from __future__ import annotations

import json

import pytest

from judge.rows import RowWriter
from sampler import load_run
from sampler.run_dir import RunDirError


def test_a_run_loads_with_its_verdicts(tmp_path):
    problems = [
        {"problem_id": name, "title": name, "difficulty": None, "tags": [], "tests": 1} for name in "pq"
    ]
    (tmp_path / "manifest.json").write_text(
        json.dumps({"problems": problems, "samples": 2}), encoding="utf-8"
    )
    keys = [{"problem_id": name, "sample_index": index} for name in "pq" for index in range(2)]
    with RowWriter(tmp_path / "samples-00000.jsonl") as writer:
        for key in keys:
            writer.append(key | {"text": "lone \ud800", "program": "print(1)", "finish_reason": "eos"})
    with RowWriter(tmp_path / "verdicts-00000.jsonl") as writer:
        for key, verdict in zip(keys, ["AC", "WA", "WA"], strict=False):
            writer.append(key | {"verdict": verdict, "passed": 0, "total": 1})
    run = load_run(tmp_path)
    assert run.pass_at_k([1, 2]) == {1: 0.25, 2: 1.0}  # q has one judged sample: pass@2 is p's alone
    assert run.samples[0]["text"] == "lone \ufdd0d800"
    assert list(run.samples["verdict"]) == ["AC", "WA", "WA", None]
    assert run.samples.column_names[:2] == ["problem_id", "sample_index"]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunDirError, match="no run directory"):
        load_run(tmp_path)
