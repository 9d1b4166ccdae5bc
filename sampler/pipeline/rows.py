"""The rows of a run, made from the nouns: docs/data-formats.md describes each field."""

from __future__ import annotations

import hashlib
from typing import Any

from judge import Judgement, judgement_row
from sampler.core import Completion, Prompt
from sampler.extraction import extract_program
from sampler.run_dir import Key

LANGUAGE = "python"


def sample_row(
    prompt: Prompt, completion: Completion, seed: int, worker: str, started_at: str
) -> dict[str, Any]:
    """The row of a finished sample; log-probabilities are in it where they were asked for."""
    found = extract_program(completion.text, opens_fence=prompt.opens_fence, language=LANGUAGE)
    return (
        _row(prompt, completion.sample_index, seed, worker, started_at)
        | {
            "text": completion.text,
            "program": found.program.text if found.program else None,
            "extraction_rule": found.rule,
            "finish_reason": completion.finish_reason,
            "prompt_tokens": completion.prompt_tokens,
            "shared_prompt_tokens": completion.shared_prompt_tokens,
            "new_tokens": len(completion.token_ids),
            "seconds": round(completion.seconds, 4),
        }
        | _logprobs(completion)
    )


def error_row(
    prompt: Prompt, sample_index: int, seed: int, worker: str, started_at: str, *, logprobs: bool = False
) -> dict[str, Any]:
    """The row of a sample that could not be drawn; its verdict row, INTERNAL_ERROR, says why.

    With `logprobs` it has the keys of a run whose rows hold log-probabilities: all rows of a run
    have the same.
    """
    row = _row(prompt, sample_index, seed, worker, started_at) | {
        "text": "",
        "program": None,
        "extraction_rule": "none",
        "finish_reason": "error",
        "prompt_tokens": 0,
        "shared_prompt_tokens": 0,
        "new_tokens": 0,
        "seconds": 0.0,
    }
    return row | ({"logprob": None, "token_logprobs": None} if logprobs else {})


def _logprobs(completion: Completion) -> dict[str, Any]:
    if completion.token_logprobs is None:
        return {}
    # A float32 has nine significant digits at most; more would only lengthen the row.
    tokens = [float(f"{logprob:.9g}") for logprob in completion.token_logprobs]
    return {"logprob": completion.logprob, "token_logprobs": tokens}


def _row(prompt: Prompt, sample_index: int, seed: int, worker: str, started_at: str) -> dict[str, Any]:
    text = (prompt.text or "").encode("utf-8", "surrogatepass")
    return {
        "problem_id": prompt.problem_id,
        "sample_index": sample_index,
        "prompt_path": "/".join(prompt.path),
        "seed": seed,
        "prompt_sha256": hashlib.sha256(text).hexdigest(),
        "language": LANGUAGE,
        "started_at": started_at,
        "worker": worker,
    }


def verdict_row(key: Key, judgement: Judgement) -> dict[str, Any]:
    """The row of a judged sample."""
    problem_id, sample_index = key
    return {"problem_id": problem_id, "sample_index": sample_index} | judgement_row(judgement)
