"""The manifest: what a run's rows depend on, and where and with what they are made."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

from judge.rows import SCHEMA_VERSION
from problems import Problem
from sampler.config import RunConfig, config_digest, result_settings
from sampler.core import Prompt
from sampler.pipeline.store import now

_PACKAGES = ("orchard-sampler", "torch", "transformers", "tokenizers", "ray", "numpy")


def make_manifest(
    config: RunConfig, problems: Collection[Problem], prompts: Collection[Prompt]
) -> dict[str, Any]:
    """What is known before the workers run: settings, problem set, prompts, versions."""
    listed = [_listed(problem) for problem in problems]
    digest = hashlib.sha256("".join(problem["digest"] for problem in listed).encode()).hexdigest()
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": now(),
        "config_digest": config_digest(config),
        "config": result_settings(config),
        "seed": config.seed,
        "samples": config.samples,
        "problem_set": {"spec": config.problems, "digest": digest},
        "prompts": {"digest": _prompts_digest(prompts)},
        "problems": listed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def add_workers(
    manifest: dict[str, Any], sampler: dict[str, Any] | None, sandbox: str | None
) -> dict[str, Any]:
    """Enter what the workers say of themselves: model, dtype, device, hardware; the sandbox."""
    return manifest | (sampler or {}) | ({"sandbox": sandbox} if sandbox else {})


def _prompts_digest(prompts: Collection[Prompt]) -> str:
    """Over every prompt's text: few-shot examples and chat template are in there."""
    sha = hashlib.sha256()
    for prompt in prompts:
        text = (prompt.text or "").encode("utf-8", "surrogatepass")
        sha.update(f"{prompt.prompt_id}:{len(text)}:".encode() + text)
    return sha.hexdigest()


def _listed(problem: Problem) -> dict[str, Any]:
    return {
        "problem_id": problem.problem_id,
        "title": problem.title,
        "difficulty": problem.difficulty,
        "tags": list(problem.tags),
        "tests": len(problem.tests),
        "digest": problem.digest(),
    }
