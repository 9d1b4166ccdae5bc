from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import ray

import problems
from sampler.config import load_config
from sampler.core import SamplingParams
from sampler.pipeline import cluster as module
from sampler.pipeline.actors import JudgeWorker
from sampler.pipeline.cluster import first_call, start_workers
from sampler.pipeline.pools import PipelineError

SESSION = """
    import sys
    from sampler.config import load_config
    from sampler.core import SamplingParams
    from sampler.pipeline.cluster import first_call, ray_session, start_workers

    config = load_config(None, {"problems": "package:set?limit=1", "ray.address": sys.argv[1] or None})
    with ray_session(config):
        workers = start_workers(config, SamplingParams(), sampling=False, judging=True)
        print(*first_call([judge.digests.remote() for judge in workers.judges])[0])
"""


def resources(monkeypatch, **kinds):
    monkeypatch.setattr(ray, "cluster_resources", lambda: kinds)


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_files_in_the_directory_of_the_user_are_not_imported_and_relative_paths_work(
    tmp_path, cluster, where
):
    work = tmp_path / "work"
    work.mkdir()
    for name in ("judge", "problems", "sampler", "torch", "ray"):
        (work / f"{name}.py").write_text("raise RuntimeError('not ours')", encoding="utf-8")
    package = next(path for path in (Path(problems.__file__).parent / "bundled").iterdir() if path.is_dir())
    shutil.copytree(package, work / "set" / package.name)
    script = tmp_path / "script" / "session.py"
    script.parent.mkdir()
    script.write_text(textwrap.dedent(SESSION), encoding="utf-8")
    address = cluster.address if where == "cluster" else ""
    command = [sys.executable, script, address]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [package.name]), done.stderr


def test_paths_for_actors_are_absolute_and_keep_their_filters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("models/one", "home/two", "demo"):
        (tmp_path / name).mkdir(parents=True)
    assert module._absolute_model("models/one") == f"{tmp_path}/models/one"
    assert module._absolute_model("~/two") == f"{tmp_path}/home/two"
    assert [module._absolute_model(name) for name in ("demo", "owner/name")] == ["demo", "owner/name"]
    assert module._absolute_spec("package:set?limit=1&ids=a:b") == f"package:{tmp_path}/set?limit=1&ids=a:b"
    assert module._absolute_spec("package:~/set") == f"package:{tmp_path}/home/set"
    assert module._absolute_spec("bundled?difficulty=easy") == "bundled?difficulty=easy"


@pytest.mark.parametrize(
    ("device", "asked", "there", "taken"),
    [
        ("auto", -1, 0, 0.0),
        ("auto", -1, 2, 1.0),
        ("cuda", -1, 2, 1.0),
        ("cpu", -1, 2, 0.0),
        ("cuda:1", -1, 2, 0.0),  # Ray would hide it
        ("cuda:1", 0, 2, 0.0),
        ("cuda:1", 2, 2, 2.0),
        ("cuda", 0.5, 2, 0.5),
    ],
)
def test_gpus_of_a_sampler(monkeypatch, device, asked, there, taken):
    resources(monkeypatch, CPU=4, GPU=there)
    config = load_config(None, {"engine.device": device, "ray.sampler_gpus": asked})
    assert module._sampler_gpus(config) == taken


def test_a_gpu_that_ray_would_hide_is_refused():
    config = load_config(None, {"engine.device": "cuda:1", "ray.sampler_gpus": 1})
    with pytest.raises(PipelineError, match=r"sees only the GPUs that Ray gives it.*ray\.sampler_gpus 0"):
        module._sampler_gpus(config)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"ray.samplers": 3, "ray.sampler_gpus": 1}, "3 samplers and 1 judges need 3 GPUs, and Ray has 2"),
        ({"ray.judges": 9, "engine.device": "cpu"}, "1 samplers and 9 judges need 2.5 CPUs, and Ray has 1"),
    ],
)
def test_more_than_the_cluster_has_is_said_at_once(monkeypatch, settings, text):
    resources(monkeypatch, CPU=1.0, GPU=2.0)
    config = load_config(None, settings)
    with pytest.raises(PipelineError, match=text):
        start_workers(config, SamplingParams(), sampling=True, judging=True)


@pytest.mark.parametrize(("actors", "share"), [(1, 8), (2, 7), (4, 3), (30, 1)])
def test_no_actor_counts_on_more_cores_than_a_node_has(monkeypatch, actors, share):
    cores = [(4.0, True), (8.0, True), (2.0, True), (64.0, False)]
    nodes = [{"Resources": {"CPU": number}, "Alive": alive} for number, alive in cores]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert module._shared_cores(actors) == share


def test_a_worker_that_cannot_be_made_says_why(cluster):
    worker = ray.remote(JudgeWorker).options(num_cpus=0.1, max_restarts=-1)
    broken = worker.remote("package:/no/such/folder", "auto", 1, False)
    with pytest.raises(PipelineError, match=r"^a worker could not start: ProblemError: .*/no/such/folder"):
        first_call([broken.describe.remote()])
