"""The judge's check of itself, in the test's own process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import problems
from judge import JudgeError, Judgement, Verdict
from sampler.pipeline.actors import JudgeWorker


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
