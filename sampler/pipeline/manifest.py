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
from sampler.pipeline.store import now

_PACKAGES = ("orchard-sampler", "torch", "transformers", "tokenizers", "ray", "numpy")


def make_manifest(config: RunConfig, problems: Collection[Problem]) -> dict[str, Any]:
    """What is known before the workers run: settings, problem set, versions."""
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
        "problems": listed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def add_workers(
    manifest: dict[str, Any], sampler: dict[str, Any] | None, sandbox: str | None
) -> dict[str, Any]:
    """Enter what the workers say of themselves: model, dtype, device, hardware; the sandbox."""
    return manifest | (sampler or {}) | ({"sandbox": sandbox} if sandbox else {})


def _listed(problem: Problem) -> dict[str, Any]:
    return {
        "problem_id": problem.problem_id,
        "title": problem.title,
        "difficulty": problem.difficulty,
        "tags": list(problem.tags),
        "tests": len(problem.tests),
        "digest": problem.digest(),
    }
