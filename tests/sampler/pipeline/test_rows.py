"""Log-probabilities are in the rows of a run that asked for them; all rows of a run have the same keys."""

from __future__ import annotations

import datasets
import numpy as np

from judge.rows import encode_row
from sampler.core import Completion, Prompt
from sampler.pipeline.rows import error_row, sample_row

PROMPT = Prompt("p", text="print", samples=2, problem_id="problem")


def row_of(**more):
    completion = Completion("p", 1, (4, 5), "(1)", "eos", 3, 0, 0.5, **more)
    return sample_row(PROMPT, completion, 0, "host:1", "now")


def test_without_being_asked_for_there_are_none():
    assert {"logprob", "token_logprobs"}.isdisjoint(row_of())
    assert {"logprob", "token_logprobs"}.isdisjoint(error_row(PROMPT, 0, 0, "driver", "now"))


def test_rows_keep_each_log_probability_to_float32(tmp_path):
    tokens = tuple(np.random.default_rng(0).normal(-3, 2, 50).astype(np.float32).tolist())
    row = row_of(logprob=sum(tokens), token_logprobs=tokens)
    assert [np.float32(logprob) for logprob in row["token_logprobs"]] == [np.float32(t) for t in tokens]
    assert row["logprob"] == sum(tokens)


def test_runs_with_them_load_as_a_dataset_whatever_the_files_hold(tmp_path):
    drawn, failed = (
        row_of(logprob=-1.5, token_logprobs=(-1.0, -0.5)),
        error_row(PROMPT, 0, 0, "d", "now", logprobs=True),
    )
    assert drawn.keys() == failed.keys()
    for name, rows in {"samples-0.jsonl": [failed, drawn], "samples-1.jsonl": [failed]}.items():
        (tmp_path / name).write_bytes(b"".join(map(encode_row, rows)))
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "*.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded["logprob"][:] == [None, -1.5, None]
    assert loaded["token_logprobs"][:] == [None, [-1.0, -0.5], None]
