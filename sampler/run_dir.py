"""A run directory as a reader sees it: the one place that knows its file names.

config.toml holds the resolved settings; manifest.json what the rows depend on, and where and with what
they were made; samples-*.jsonl and verdicts-*.jsonl one row a sample and one row a judged program;
logs/ and report/ what their names say.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge.rows import read_rows

Key = tuple[str, int]  # (problem_id, sample_index)


class RunDirError(Exception):
    """A directory that is not a run, or a run that cannot be continued; the text says why and what to do."""


@dataclass(frozen=True)
class RunDir:
    """The files of one run."""

    path: Path

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.path / "manifest.json"

    @property
    def config_path(self) -> Path:
        """Where the resolved settings are."""
        return self.path / "config.toml"

    @property
    def logs(self) -> Path:
        """The folder of log files."""
        return self.path / "logs"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.path / "report"

    def parts(self, kind: str) -> list[Path]:
        """The row files of a kind ("samples" or "verdicts"), oldest first."""
        return sorted(self.path.glob(f"{kind}-*.jsonl"))

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield the sample rows in the order in which they were written.

        Raises:
            judge.rows.RowError: a file cannot be read.
        """
        for part in self.parts("samples"):
            yield from read_rows(part)

    def verdicts(self) -> Iterator[dict[str, Any]]:
        """Yield the verdict rows in the order in which they were written.

        Raises:
            judge.rows.RowError: a file cannot be read.
        """
        for part in self.parts("verdicts"):
            yield from read_rows(part)

    def manifest(self) -> dict[str, Any]:
        """The manifest.

        Raises:
            RunDirError: there is none, or it is not JSON.
        """
        try:
            manifest = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunDirError(f"{self.path} is no run directory: it has no manifest.json") from error
        except (OSError, json.JSONDecodeError) as error:
            raise RunDirError(f"{self.manifest_path} cannot be read: {error}") from error
        if not isinstance(manifest, dict):
            raise RunDirError(f"{self.manifest_path} is not a JSON object")
        return manifest


def key_of(row: dict[str, Any]) -> Key:
    """The key of a sample row or of a run's verdict row."""
    return row["problem_id"], row["sample_index"]


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or leave the one there as it is, also when the process is killed meanwhile.

    Lone surrogates, which UTF-8 cannot hold, are written as backslash escapes.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), 0o644)  # mkstemp makes files that only their owner can read
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        sync(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync(path: Path) -> None:
    """Have a file's content, or a directory's list of names, on the device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
