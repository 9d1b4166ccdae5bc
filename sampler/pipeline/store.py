"""The run store: the one writer of a run directory, and what it found there.

Every session (a start or a resume) appends to row files of its own number. Opening the store takes the
directory's lock, cuts torn last lines off, compares the manifest with what this session would write, and
reads the keys of the rows that are there: those are final and are not made again.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from judge.rows import SCHEMA_VERSION, RowWriter
from sampler.run_dir import Key, RunDir, RunDirError, key_of, sync, write_atomically

log = logging.getLogger("orchard.store")

_COMPARED = ("config", "problem_set", "prompts", "seed", "dtype", "attention", "model")


class RunStore:
    """Appends a run's rows and keeps its manifest."""

    def __init__(self, path: Path) -> None:
        """Make the directory where it is missing, and lock it.

        Raises:
            RunDirError: another process is writing to it, it cannot be locked, or it is not empty and no
                run directory.
            judge.rows.RowError: a row file cannot be read.
        """
        self.directory = RunDir(path)
        self._refuse_foreign(path)
        self.directory.logs.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(_lock_path(self.directory))
        self._writers: dict[str, RowWriter] = {}
        try:
            self.directory.report.mkdir(exist_ok=True)
            self._read()
        except BaseException:
            self._lock.close()
            raise

    def _read(self) -> None:
        for kind in ("samples", "verdicts"):
            for part in self.directory.parts(kind):
                RowWriter(part).close()  # cuts off a torn last line
        self.sampled: set[Key] = {key_of(row) for row in self.directory.samples()}
        self.judged: set[Key] = {key_of(row) for row in self.directory.verdicts()}

    @staticmethod
    def _refuse_foreign(path: Path) -> None:
        if path.exists() and not path.is_dir():
            raise RunDirError(f"{path} is a file; --out needs a directory")
        # The lock is the first file of a run, the manifest comes when its workers have started.
        ours = RunDir(path).manifest_path.exists() or _lock_path(RunDir(path)).exists()
        if path.is_dir() and any(path.iterdir()) and not ours:
            raise RunDirError(f"{path} is not empty and holds no run; name an empty or new --out directory")

    def begin(self, manifest: dict[str, Any], config_toml: str) -> None:
        """Write the manifest of a new run, or check it against the one there, and enter this session.

        Args:
            manifest: what the rows depend on and how they are made, as docs/data-formats.md lists it.
            config_toml: the text of config.toml.

        Raises:
            RunDirError: the run there was made with other settings; the text lists each key that differs.
        """
        self.check(manifest)
        sessions: list[dict[str, Any]] = []
        if self.directory.manifest_path.exists():
            before = self.directory.manifest()
            sessions = before.get("sessions", [])
            manifest = manifest | before  # what stands there stays
        self._manifest = manifest | {"sessions": [*sessions, {"started_at": now(), "ended_at": None}]}
        self._session = len(sessions)
        write_atomically(self.directory.config_path, config_toml)
        self._write_manifest()

    def check(self, manifest: dict[str, Any]) -> None:
        """Refuse to continue a run that was made with other settings than `manifest` names.

        What `manifest` does not hold yet is not compared.

        Raises:
            RunDirError: something differs; the text lists each key that does.
        """
        if not self.directory.manifest_path.exists():
            return
        names = [name for name in _COMPARED if name in manifest]
        before, after = _flat(self.directory.manifest(), names), _flat(manifest, names)
        changed = [
            f"  {key}: {json.dumps(before.get(key))} there, {json.dumps(after.get(key))} now"
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        ]
        if changed:
            raise RunDirError(
                f"{self.directory.path} holds a run made with other settings:\n" + "\n".join(changed) + "\n"
                "give the same settings to resume it, or another --out for a new run"
            )

    def end(self, figures: dict[str, Any]) -> None:
        """Enter the session's figures into the manifest."""
        self._manifest["sessions"][-1].update({"ended_at": now()} | figures)
        self._write_manifest()

    def append_sample(self, row: dict[str, Any]) -> None:
        """Append a sample row.

        Raises:
            judge.rows.RowError: it could not be written.
        """
        self._append("samples", row, self.sampled)

    def append_verdict(self, row: dict[str, Any]) -> None:
        """Append a verdict row.

        Raises:
            judge.rows.RowError: it could not be written.
        """
        self._append("verdicts", row, self.judged)

    def _append(self, kind: str, row: dict[str, Any], keys: set[Key]) -> None:
        key = key_of(row)
        if key in keys:
            raise AssertionError(f"a second {kind} row for {key}")  # our own fault, never the user's
        if kind not in self._writers:
            self._writers[kind] = RowWriter(self._part(kind))
            sync(self.directory.path)  # the file's name
        self._writers[kind].append({"schema_version": SCHEMA_VERSION} | row)
        keys.add(key)

    def _part(self, kind: str) -> Path:
        return self.directory.path / f"{kind}-{self._session:05d}.jsonl"

    def sync(self) -> None:
        """Have the rows written so far on the device, where a power cut cannot lose them.

        Raises:
            OSError: the device does not take them.
        """
        for kind in self._writers:
            sync(self._part(kind))

    def _write_manifest(self) -> None:
        text = json.dumps(self._manifest, indent=2, ensure_ascii=True) + "\n"
        write_atomically(self.directory.manifest_path, text)

    def close(self) -> None:
        """Flush the rows to the device and give the lock back.

        Raises:
            OSError: the device does not take the rows.
        """
        try:
            for writer in self._writers.values():
                writer.close()
            self._writers.clear()
        finally:
            self._lock.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except OSError as error:
            if value is None:
                raise
            log.error("%s cannot be closed: %s", self.directory.path, error)  # the first error says more


def now() -> str:
    """The time, UTC, as ISO 8601 with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _lock_path(directory: RunDir) -> Path:
    return directory.logs / "lock"


def _lock(path: Path) -> IO[str]:
    file = path.open("a+", encoding="utf-8")
    run = path.parent.parent
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise RunDirError(f"{run} is being written by {holder}; wait for it or name another --out") from error
    except OSError as error:
        file.close()
        raise RunDirError(
            f"{run} cannot be locked: {error.strerror}; name an --out directory on a file system with locks"
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()}\n")
    file.flush()
    return file


def _flat(manifest: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The values under `names` as {dotted key: value}."""
    flat: dict[str, Any] = {}
    for name in names:
        value = manifest.get(name)
        if isinstance(value, dict):
            # Settings are shown as they are typed: "sampling.top_p", not "config.sampling.top_p".
            prefix = "" if name == "config" else f"{name}."
            flat |= {f"{prefix}{key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat
