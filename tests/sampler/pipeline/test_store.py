from __future__ import annotations

import errno
import fcntl
import json
import os

import pytest

from judge.rows import RowError
from sampler.pipeline import store as store_module
from sampler.pipeline.store import RunStore
from sampler.run_dir import RunDir, RunDirError, write_atomically

MANIFEST = {
    "config": {"seed": 0, "sampling.top_p": 0.9},
    "problem_set": {"spec": "s", "digest": "d"},
    "seed": 0,
}


def row(problem_id: str, index: int, **more) -> dict:
    return {"problem_id": problem_id, "sample_index": index} | more


def test_rows_of_several_sessions_are_kept_apart_and_read_together(tmp_path):
    run = tmp_path / "run"
    for session in range(2):
        with RunStore(run) as store:
            store.begin(MANIFEST, "seed = 0\n")
            store.append_sample(row("p", session, text="t"))
            store.end({"sampled": 1})
    with RunStore(run) as store:
        assert store.sampled == {("p", 0), ("p", 1)}
        assert store.judged == set()
    assert [part.name for part in RunDir(run).parts("samples")] == [
        "samples-00000.jsonl",
        "samples-00001.jsonl",
    ]
    sessions = RunDir(run).manifest()["sessions"]
    assert [s["sampled"] for s in sessions] == [1, 1]
    assert (run / "config.toml").read_text(encoding="utf-8") == "seed = 0\n"


def test_a_torn_row_is_not_there(tmp_path):
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST, "")
        store.append_sample(row("p", 0))
    part = tmp_path / "samples-00000.jsonl"
    part.write_bytes(part.read_bytes() + b'{"problem_id":"p","sample_in')
    with RunStore(tmp_path) as store:
        assert store.sampled == {("p", 0)}
    assert part.read_bytes().endswith(b"}\n")


def test_changed_settings_are_refused_and_each_is_listed(tmp_path):
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST | {"dtype": "float32"}, "")
    changed = {
        "config": {"seed": 0, "sampling.top_p": 0.5},
        "problem_set": {"spec": "s", "digest": "e"},
        "seed": 0,
    }
    with RunStore(tmp_path) as store:
        with pytest.raises(RunDirError) as caught:
            store.check(changed)
        assert "sampling.top_p: 0.9 there, 0.5 now" in str(caught.value)
        assert 'problem_set.digest: "d" there, "e" now' in str(caught.value)
        assert "dtype" not in str(caught.value)  # not known before the workers run, so not compared yet
        with pytest.raises(RunDirError, match="dtype"):
            store.begin(MANIFEST | {"dtype": "bfloat16"}, "")
        store.check(MANIFEST)


def test_one_writer(tmp_path):
    with RunStore(tmp_path), pytest.raises(RunDirError, match="being written by process"):
        RunStore(tmp_path)
    RunStore(tmp_path).close()


def test_a_directory_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    with pytest.raises(RunDirError, match="holds no run"):
        RunStore(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.tex"]


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "f").write_text("", encoding="utf-8")
    with pytest.raises(RunDirError, match="needs a directory"):
        RunStore(tmp_path / "f")


def test_a_manifest_that_was_being_written_is_the_old_one(tmp_path):
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST, "")
    (tmp_path / ".manifest.json.new").write_text('{"half', encoding="utf-8")
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["seed"] == 0
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST, "")


def test_a_directory_is_not_ours_because_it_has_logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "server.log").write_text("theirs", encoding="utf-8")
    with pytest.raises(RunDirError, match="holds no run"):
        RunStore(tmp_path)
    (tmp_path / "logs" / "lock").touch()  # a run that was killed before its workers had started
    RunStore(tmp_path).close()


def test_a_file_system_without_locks_is_called_so(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(RunDirError, match="cannot be locked: No locks available"):
        RunStore(tmp_path)


def test_a_store_that_cannot_be_read_gives_its_lock_back(tmp_path):
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST, "")
        store.append_sample(row("p", 0))
    part = tmp_path / "samples-00000.jsonl"
    whole = part.read_bytes()
    part.write_bytes(b"not JSON\n" + whole)
    with pytest.raises(RowError, match="line 1 is not JSON"):
        RunStore(tmp_path)
    part.write_bytes(whole)
    with RunStore(tmp_path) as store:
        assert store.sampled == {("p", 0)}


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    write_atomically(tmp_path / "manifest.json", "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*manifest\.json'"):
        write_atomically(tmp_path / "manifest.json", "new")
    assert (tmp_path / "manifest.json").read_text(encoding="utf-8") == "old"


def test_the_error_that_ended_the_session_is_the_one_that_is_seen(tmp_path, monkeypatch, caplog):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def session():
        with RunStore(tmp_path) as store:
            store.begin(MANIFEST, "")
            store.append_sample(row("p", 0))
            monkeypatch.setattr(os, "fsync", full)
            raise RowError("free some space")

    with pytest.raises(RowError, match="free some space"):
        session()
    assert "cannot be closed" in caplog.text


def test_sync_takes_every_row_file_to_the_device(tmp_path, monkeypatch):
    synced = []
    with RunStore(tmp_path) as store:
        store.begin(MANIFEST, "")
        store.append_sample(row("p", 0))
        store.append_verdict(row("p", 0))
        monkeypatch.setattr(store_module, "sync", synced.append)
        store.sync()
    assert [path.name for path in synced] == ["samples-00000.jsonl", "verdicts-00000.jsonl"]
