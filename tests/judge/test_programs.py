"""The files of `orchard judge`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from judge import Judge, Program, ProgramsFileError
from judge.programs import ProgramRow, finished_keys, judge_programs, read_programs
from problems.problem import Problem


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def row(program_id: str = "a", problem_id: str = "increment", **fields: object) -> dict[str, object]:
    return {"problem_id": problem_id, "program_id": program_id, "program": "print(int(input()) + 1)"} | fields


def test_read_programs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl", row(language="python"), "", row("b", program=None), row(7, 3, program="\ud800")
    )
    assert list(read_programs(path)) == [
        ProgramRow("increment", "a", Program("python", "print(int(input()) + 1)")),
        ProgramRow("increment", "b", None),
        ProgramRow("3", "7", Program("python", "\ud800")),
    ]


def test_a_pipe_of_programs_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "p.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(ProgramsFileError, match="write them to a file first"):
        list(read_programs(pipe))


def test_a_last_line_without_an_end_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(row()))
    assert len(list(read_programs(path))) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not a line of JSON"),
        ("\udcff", "not a line of JSON"),
        ("[1]", "list where a JSON object is needed"),
        ('{"program_id": "a", "program": ""}', "'problem_id' is None; it must be a string that is not empty"),
        ('{"problem_id": "", "program_id": "a", "program": ""}', "'problem_id' is ''"),
        ('{"problem_id": "p", "program_id": true, "program": ""}', "'program_id' is True"),
        ('{"problem_id": "p", "program_id": "a"}', 'there is no "program"; write null'),
        (
            '{"problem_id": "p", "program_id": "a", "program": 1}',
            '"program" is int; it must be a string or null',
        ),
        (
            '{"problem_id": "p", "program_id": "a", "program": "", "language": "c"}',
            "language 'c' .* it runs: python",
        ),
        (json.dumps(row("x")), "program 'x' is on line 1 already"),
    ],
)
def test_errors_name_the_line(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(f"{json.dumps(row('x'))}\n\n{line}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(ProgramsFileError, match=rf"p\.jsonl, line 3: .*{message}"):
        list(read_programs(path))


def test_judge_and_resume(any_judge: Judge, increment: Callable[..., Problem], tmp_path: Path) -> None:
    programs = write(tmp_path / "p.jsonl", row("a"), row("b", program="print(0)"), row("c", program=None))
    verdicts = tmp_path / "v.jsonl"
    problems = {"increment": increment(2)}
    judged = {
        found.program_id: str(j.verdict)
        for found, j in judge_programs(any_judge, problems, programs, verdicts)
    }
    assert judged == {"a": "AC", "b": "WA", "c": "NO_CODE"}
    whole = verdicts.read_bytes()
    lines = sorted(whole.splitlines(keepends=True), key=lambda line: json.loads(line)["program_id"])
    assert [json.loads(line)["verdict"] for line in lines] == ["AC", "WA", "NO_CODE"]

    assert list(judge_programs(any_judge, problems, programs, verdicts)) == []
    assert verdicts.read_bytes() == whole

    verdicts.write_bytes(lines[0] + lines[2] + lines[1][:20])  # killed in the middle of b's row
    again = [found.program_id for found, _ in judge_programs(any_judge, problems, programs, verdicts)]
    assert again == ["b"]
    assert [json.loads(line)["program_id"] for line in verdicts.read_bytes().splitlines()] == ["a", "c", "b"]


def test_unknown_problem(any_judge: Judge, increment: Callable[..., Problem], tmp_path: Path) -> None:
    programs = write(tmp_path / "p.jsonl", row("a"), row("b", "decrement"))
    verdicts = tmp_path / "v.jsonl"
    with pytest.raises(ProgramsFileError, match=r"program 'b' is for problem 'decrement', .* are increment"):
        list(judge_programs(any_judge, {"increment": increment()}, programs, verdicts))
    assert not verdicts.exists()


def test_verdicts_file_of_something_else(tmp_path: Path) -> None:
    path = write(tmp_path / "v.jsonl", {"problem_id": "p", "program_id": "a"}, {"problem_id": "p"})
    with pytest.raises(ProgramsFileError, match=r"v\.jsonl, line 2: 'program_id' is None"):
        finished_keys(path)
