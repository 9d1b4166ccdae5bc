"""The workers in the test's own process: the judge's check of itself, prompts that a sampler cannot draw."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import problems
from judge import JudgeError, Judgement, Verdict
from sampler.config import EngineConfig
from sampler.core import Prompt, SamplingParams
from sampler.pipeline.actors import JudgeWorker, Sampler
from sampler.pipeline.units import Unit


@pytest.fixture
def package(tmp_path):
    bundled = Path(problems.__file__).parent / "bundled"
    name = min(path.name for path in bundled.iterdir() if path.is_dir())
    return Path(shutil.copytree(bundled / name, tmp_path / name))


@pytest.fixture
def worker(package):
    worker = JudgeWorker(f"package:{package}", "auto", 1, False)
    yield worker
    worker._judge.close()


def test_a_judge_that_works_passes(worker, package):
    worker.check(package.name)


def test_a_judge_whose_files_are_gone_does_not(worker, package):
    shutil.rmtree(package / "data" / "secret")
    with pytest.raises(OSError, match="secret"):
        worker.check(package.name)


@pytest.mark.parametrize(("verdict", "detail"), [("INTERNAL_ERROR", {"message": "no space"}), ("RE", None)])
def test_a_judge_that_does_not_accept_an_echo_does_not(worker, package, monkeypatch, verdict, detail):
    monkeypatch.setattr(
        worker._judge, "judge", lambda program, problem: Judgement(Verdict(verdict), detail=detail)
    )
    said = "no space" if detail else "None"
    with pytest.raises(JudgeError, match=f"a program that prints its input gets {verdict} here: {said}"):
        worker.check(package.name)


def test_a_prompt_that_memory_cannot_hold_is_undrawable_and_the_others_are_drawn():
    params = SamplingParams(max_new_tokens=2)
    prompts = tuple(Prompt(name, text="x = 1\n" * n, samples=2) for name, n in (("short", 2), ("long", 200)))
    kept = Sampler("demo", EngineConfig(device="cpu", kv_memory="500KB"), params, 1)
    batches = list(kept.sample(Unit(prompts)))
    assert [(u.prompt.prompt_id, "kv_memory" in u.reason) for b in batches for u in b.undrawable] == [
        ("long", True)
    ]
    assert sum(len(batch.rows) for batch in batches) == 2
