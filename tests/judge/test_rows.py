from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.rows import RowError, RowWriter, encode_row, read_rows

TEXTS = ["", "plain", "nul \0 inside", "lone \ud800 and \udfff", "\ufdd0d800", "\U0001f600 é", "\u2028\r\n\t"]


def test_every_text_survives_a_round_trip(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowWriter(path) as writer:
        for text in TEXTS:
            writer.append({"text": text, "nested": {text: [text, 1, None]}})
    assert [row["text"] for row in read_rows(path)] == TEXTS
    assert [row["nested"] for row in read_rows(path)] == [{text: [text, 1, None]} for text in TEXTS]


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_is_one_ascii_line(text):
    line = encode_row({"t": text})
    assert line.isascii()
    assert line.count(b"\n") == 1


def test_datasets_loads_what_arrow_would_refuse(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowWriter(path) as writer:
        for text in TEXTS:
            writer.append({"text": text})
    rows = datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    assert len(rows) == len(TEXTS)
    assert rows[2]["text"] == "nul \0 inside"


def test_a_torn_last_line_is_no_row_and_is_cut_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2}\n{"n":3')
    assert [row["n"] for row in read_rows(path)] == [1, 2]
    with RowWriter(path) as writer:
        writer.append({"n": 4})
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":4}\n'


def test_a_long_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":"' + b"x" * 200_000)
    RowWriter(path).close()
    assert path.read_bytes() == b'{"n":1}\n'


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n":1}\nnot json\n{"n":2}\n')
    with pytest.raises(RowError, match="line 2 is not JSON"):
        list(read_rows(path))


def test_a_row_that_does_not_fit_leaves_the_file_whole(tmp_path):
    """A file-size limit stands for a full disk: the write is cut short in the middle of a row."""
    path = tmp_path / "rows.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RowWriter(path) as writer:
        writer.append({"text": "a" * 50})
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (90, hard))
            with pytest.raises(RowError, match="free some space"):
                writer.append({"text": "b" * 50})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        writer.append({"text": "c"})
    assert [row["text"] for row in read_rows(path)] == ["a" * 50, "c"]


def test_a_file_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "rows.jsonl"
    with RowWriter(path) as writer:
        writer.append({"n": 1})
        with pytest.raises(RowError, match=r"rows\.jsonl is being written by another process"):
            RowWriter(path)
        writer.append({"n": 2})
    with RowWriter(path) as writer:
        writer.append({"n": 3})
    assert [row["n"] for row in read_rows(path)] == [1, 2, 3]


def test_a_killed_writer_leaves_no_lock(tmp_path):
    path = tmp_path / "rows.jsonl"
    script = (
        "import sys; from pathlib import Path; from judge.rows import RowWriter\n"
        "w = RowWriter(Path(sys.argv[1])); w.append({'n': 1}); print('there', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"there\n"
        with pytest.raises(RowError, match="another process"):
            RowWriter(path)
        other.send_signal(signal.SIGKILL)
    with RowWriter(path) as writer:
        writer.append({"n": 2})
    assert [row["n"] for row in read_rows(path)] == [1, 2]


def test_rows_need_an_ordinary_file():
    with pytest.raises(RowError, match="/dev/null is a device or a pipe"):
        RowWriter(Path("/dev/null"))
