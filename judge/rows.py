"""Append-only files of JSON rows: a row on disk is final.

A row is one line, written by one `write` to a file opened for appending. A process that is killed leaves
at most one torn line, without its newline, at the end of the file; the next `RowWriter` cuts it off and
`read_rows` does not yield it. A disk that fills up in the middle of a row leaves no part of it. A writer
holds a lock on its file (flock), which the system takes back when the process ends in whatever way.

Text is ASCII-escaped JSON. A lone surrogate is no Unicode text, and Arrow refuses the file that holds one;
it is written as U+FDD0 (a code point that Unicode keeps out of text) and four hex digits, and so is U+FDD0
itself. `read_rows` turns both back.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

SCHEMA_VERSION = 1
_ESCAPE = "\ufdd0"
_TO_ESCAPE = re.compile("[\ud800-\udfff\ufdd0]")
_ESCAPED = re.compile("\ufdd0([0-9a-f]{4})")
_RAW_ESCAPE = _ESCAPE.encode()  # as a writer that does not escape would leave it


class RowError(Exception):
    """A row file that cannot be read or written; the text names file, line and remedy."""


class RowWriter:
    """Appends rows to one file, and keeps other writers from it."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending, make it where it is missing, lock it, cut off a torn last line.

        Raises:
            RowError: the file cannot be opened or locked, is none on a disk, or another writer has it.
        """
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RowError(f"{path} cannot be opened for writing: {error.strerror}") from error
        try:
            self._own()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _own(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise RowError(f"{self._path} is a device or a pipe; rows need an ordinary file")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise RowError(
                    f"{self._path} cannot be locked: {error.strerror}; use a file system that has flock"
                ) from error
            raise RowError(
                f"{self._path} is being written by another process; wait for it, or name another file"
            ) from error
        os.ftruncate(self._descriptor, _whole_lines_end(self._descriptor))

    def append(self, row: dict[str, Any]) -> None:
        """Append one row; when this returns, a kill of the process cannot lose it.

        Raises:
            RowError: the row could not be written (a full disk); the file is as it was before.
        """
        line = encode_row(row)
        size = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise self._failure(error.strerror) from error
        if written != len(line):
            os.ftruncate(self._descriptor, size)
            raise self._failure("no space left for a whole row")

    def _failure(self, reason: str | None) -> RowError:
        return RowError(
            f"{self._path}: {reason}; free some space and give the same command again: it resumes"
        )

    def close(self) -> None:
        """Flush to the device and close; further calls do nothing."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def encode_row(row: dict[str, Any]) -> bytes:
    """The line that stands for `row`, newline included."""
    return (json.dumps(_map_text(row, _hide), separators=(",", ":")) + "\n").encode("ascii")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file in order; a torn last line is not a row.

    Raises:
        RowError: the file cannot be read, or a whole line of it is not a JSON object.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                yield _decode(path, number, line)
    except OSError as error:
        raise RowError(f"{path} cannot be read: {error.strerror}") from error


def _decode(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RowError(f"{path}, line {number} is not JSON ({error}); mend or delete that line") from error
    if not isinstance(row, dict):
        raise RowError(f"{path}, line {number} is not a JSON object; mend or delete that line")
    if b"fdd0" not in line.lower() and _RAW_ESCAPE not in line:
        return row  # nothing to turn back: the rule, and several times as fast
    shown: dict[str, Any] = _map_text(row, _show)
    return shown


def _whole_lines_end(descriptor: int) -> int:
    """Bytes from the start of the file to the end of its last whole line."""
    position = os.fstat(descriptor).st_size
    while position > 0:
        start = max(0, position - 65536)
        block = os.pread(descriptor, position - start, start)
        newline = block.rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0


def _map_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else change(value)
    if isinstance(value, dict):
        return {_map_text(key, change): _map_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_text(item, change) for item in value]
    return value


def _hide(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", text)


def _show(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
