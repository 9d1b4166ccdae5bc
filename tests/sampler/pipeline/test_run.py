"""Whole runs on a two-node Ray: what they hold does not depend on workers, units or deaths."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sampler.config import RunConfig, load_config
from sampler.pipeline import run as module
from sampler.pipeline.driver import PipelineError
from sampler.pipeline.run import run
from sampler.pipeline.store import RunStore
from sampler.run_dir import RunDir, RunDirError, key_of

pytestmark = pytest.mark.usefixtures("cluster")


def settings(out: Path, **more: object) -> RunConfig:
    base = {
        "problems": "bundled?difficulty=easy&limit=4",
        "samples": 6,
        "sampling.max_new_tokens": 80,
        "engine.threads": 1,
        "judge.jobs": 1,
        "out": str(out),
    }
    return load_config(None, base | {name.replace("__", "."): value for name, value in more.items()})


def contents(out: Path) -> dict:
    verdicts = {key_of(row): row["verdict"] for row in RunDir(out).verdicts()}
    rows = list(RunDir(out).samples())
    found = {key_of(row): (row["text"], row["prompt_sha256"], verdicts[key_of(row)]) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def plain(cluster, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "run"
    told: list[str] = []
    result = run(settings(out), tell=told.append)
    assert (result.sampled, result.judged, result.resumed) == (24, 24, 0)
    assert told == ["loading the model demo on 1 sampler(s)"]
    return contents(out)


@pytest.mark.slow
def test_workers_and_units_do_not_change_a_row(plain, tmp_path):
    run(settings(tmp_path / "a", ray__samplers=2, ray__judges=2, ray__unit_samples=5, engine__max_rows=3))
    assert contents(tmp_path / "a") == plain


@pytest.mark.slow
def test_sampling_first_and_judging_later_is_the_same_run(plain, tmp_path):
    first = run(settings(tmp_path / "b"), judging=False)
    assert (first.sampled, first.judged) == (24, 0)
    second = run(settings(tmp_path / "b"))
    assert (second.sampled, second.judged, second.resumed) == (0, 24, 24)
    assert contents(tmp_path / "b") == plain
    third = run(settings(tmp_path / "b"))
    assert (third.sampled, third.judged, third.resumed) == (0, 0, 24)


@pytest.mark.slow
def test_a_killed_sampler_process_costs_no_row(plain, tmp_path):
    out = tmp_path / "c"
    killed: list[int] = []

    def kill_a_sampler() -> None:
        deadline = time.monotonic() + 300
        while not killed and time.monotonic() < deadline:
            time.sleep(0.02)
            for row in RunDir(out).samples():
                killed.append(int(row["worker"].split(":")[1]))
                os.kill(killed[0], signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_a_sampler)
    killer.start()
    run(settings(out, ray__unit_samples=24, engine__max_rows=2))
    killer.join()
    assert killed
    assert contents(out) == plain
    workers = {row["worker"] for row in RunDir(out).samples()}
    assert len(workers) == 2, "the run ended before the kill"
    assert "its process died" in (out / "logs" / "driver.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_prompt_that_does_not_fit_gets_rows_that_say_so(tmp_path):
    out = tmp_path / "d"
    run(settings(out, sampling__max_new_tokens=1990, few_shot__sets=0, problems="bundled?limit=2", samples=1))
    rows = list(RunDir(out).samples())
    assert {row["finish_reason"] for row in rows} == {"error"}
    verdicts = list(RunDir(out).verdicts())
    assert {row["verdict"] for row in verdicts} == {"INTERNAL_ERROR"}
    assert "max_new_tokens" in verdicts[0]["detail"]["message"]


@pytest.mark.slow
def test_other_settings_are_refused_before_anything_starts(plain, tmp_path):
    out = tmp_path / "e"
    run(settings(out, samples=1, problems="bundled?difficulty=easy&limit=1"))
    with pytest.raises(RunDirError, match=r"sampling\.temperature: 0\.8 there, 0\.1 now"):
        run(settings(out, samples=1, problems="bundled?difficulty=easy&limit=1", sampling__temperature=0.1))
    assert len(RunDir(out).manifest()["sessions"]) == 1


@pytest.mark.slow
def test_a_model_is_named_in_the_manifest_as_it_was_typed(tmp_path, monkeypatch):
    demo = Path(module.__file__).parent.parent / "demo_model"
    (tmp_path / "mine").symlink_to(demo)
    monkeypatch.chdir(tmp_path)
    run(settings(Path("run"), samples=1, problems="bundled?difficulty=easy&limit=1", model="./mine"))
    manifest = RunDir(tmp_path / "run").manifest()
    assert manifest["model"]["name"] == manifest["config"]["model"] == "./mine"
    assert 'model = "./mine"' in (tmp_path / "run" / "config.toml").read_text(encoding="utf-8")


def described(**more: object) -> dict:
    return {"model": {"name": "m", "digest": "d"}, "dtype": "float32", "attention": "tree"} | more


def test_samplers_of_one_run_are_equal_but_for_their_machines():
    module._compare_samplers([])
    module._compare_samplers([described(device="cuda:0"), described(device="cuda:1")])
    with pytest.raises(
        PipelineError, match="samplers differ in dtype: sampler 0 has 'float32', sampler 2 has"
    ):
        module._compare_samplers([described(), described(), described(dtype="bfloat16")])
    with pytest.raises(PipelineError, match="samplers differ in model"):
        module._compare_samplers([described(), described(model={"name": "m", "digest": "e"})])


def test_our_log_goes_to_the_run_only_while_it_lasts(tmp_path):
    directory = RunDir(tmp_path)
    directory.logs.mkdir()
    logger = logging.getLogger("orchard")
    before = (logger.level, logger.propagate, list(logger.handlers))
    with module._log_to(directory):
        logging.getLogger("orchard.driver").info("meanwhile")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    logging.getLogger("orchard.driver").error("afterwards")
    text = (directory.logs / "driver.log").read_text(encoding="utf-8")
    assert "INFO orchard.driver: meanwhile" in text
    assert "afterwards" not in text


class Figures:
    def figures(self) -> dict[str, int]:
        return {"sampled": 7}


@pytest.mark.parametrize("full", [False, True])
def test_the_error_that_ended_the_work_is_the_one_that_is_seen(tmp_path, monkeypatch, caplog, full):
    with RunStore(tmp_path) as store:
        store.begin({"seed": 0}, "")
        if full:

            def refuse(path: Path, text: str) -> None:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))

            monkeypatch.setattr("sampler.pipeline.store.write_atomically", refuse)
        with (
            pytest.raises(PipelineError, match="mend it"),
            module._session_entered(store, Figures(), module._Stages()),
        ):
            raise PipelineError("mend it")
    session = RunDir(tmp_path).manifest()["sessions"][0]
    assert session.get("sampled") == (None if full else 7)
    assert ("figures are lost" in caplog.text) == full
