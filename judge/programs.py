"""The files of `orchard judge`: programs in, verdicts out, one JSON object a line.

A row of programs.jsonl is {"problem_id": .., "program_id": .., "language": .., "program": ..}; "language"
may be left out (python), and a "program" of null stands for a completion without one. A row of verdicts.jsonl
is the verdict row of `judgement_row` with problem_id and program_id in front.

A verdicts file that is there already is kept: only the programs that have no row in it are judged and
appended, so the same command again resumes. See `judge.rows` for what a crash in mid-write leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge.errors import ProgramsFileError
from judge.judge import Judge, judgement_row
from judge.languages import LANGUAGES
from judge.rows import RowWriter, read_rows
from judge.verdict import Judgement, Program
from problems.problem import Problem

Key = tuple[str, str]  # problem_id, program_id


@dataclass(frozen=True)
class ProgramRow:
    """One row of programs.jsonl. `program` is None for a completion without one."""

    problem_id: str
    program_id: str
    program: Program | None

    @property
    def key(self) -> Key:
        """What identifies the row."""
        return self.problem_id, self.program_id


def read_programs(path: Path) -> Iterator[ProgramRow]:
    """The rows of a programs.jsonl, in order; blank lines are skipped.

    Raises:
        ProgramsFileError: a line is no such row, or its key was there before; the text names file and line.
            Or the path is a pipe: callers read the rows more than once.
        OSError: the file cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ProgramsFileError(
            f"{path} is no ordinary file, and programs are read more than once; write them to a file first"
        )
    lines_of: dict[Key, int] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            row = _program_row(line, f"{path}, line {number}")
            earlier = lines_of.setdefault(row.key, number)
            if earlier != number:
                raise ProgramsFileError(
                    f"{path}, line {number}: problem {row.problem_id!r}, program {row.program_id!r} is on "
                    f"line {earlier} already; give each program of a problem its own program_id"
                )
            yield row


def judge_programs(
    judge: Judge, problems: Mapping[str, Problem], programs: Path, verdicts: Path
) -> Iterator[tuple[ProgramRow, Judgement]]:
    """Judge the programs that have no verdict yet, append the rows, and yield each once it is on disk.

    Every row of `programs` is checked before the first one is judged.

    Args:
        judge: the judge.
        problems: the problems by their ids.
        programs: the programs.jsonl to read.
        verdicts: the verdicts.jsonl to write or to go on with.

    Raises:
        ProgramsFileError: a row cannot be used, or names a problem that is not in `problems`.
        RowError: the verdicts file cannot be read or written.
        OSError: the programs file cannot be read.
    """
    for row in read_programs(programs):
        if row.problem_id not in problems:
            raise ProgramsFileError(_unknown_problem(programs, row, problems))
    with RowWriter(verdicts) as writer:
        done = finished_keys(verdicts)  # read under the writer's lock: nobody else adds to them
        todo = (row for row in read_programs(programs) if row.key not in done)
        items = ((row, row.program, problems[row.problem_id]) for row in todo)
        for row, judgement in judge.judge_all(items):
            key = {"problem_id": row.problem_id, "program_id": row.program_id}
            writer.append(key | judgement_row(judgement))
            yield row, judgement


def finished_keys(verdicts: Path) -> set[Key]:
    """The keys of the rows of a verdicts.jsonl; none where there is no such file.

    Raises:
        ProgramsFileError: a line is no verdict row.
        RowError: the file cannot be read.
    """
    if not verdicts.exists():
        return set()
    rows = enumerate(read_rows(verdicts), start=1)
    return {_key(row, f"{verdicts}, line {number}") for number, row in rows}


def _program_row(line: bytes, where: str) -> ProgramRow:
    value = _object(line, where)
    language = value.get("language", "python")
    if language not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise ProgramsFileError(
            f"{where}: language {language!r} is not one the judge can run; it runs: {known}"
        )
    if "program" not in value:
        raise ProgramsFileError(f'{where}: there is no "program"; write null where there is none')
    text = value["program"]
    if text is not None and not isinstance(text, str):
        raise ProgramsFileError(f'{where}: "program" is {type(text).__name__}; it must be a string or null')
    program = None if text is None else Program(language=language, text=text)
    return ProgramRow(*_key(value, where), program)


def _key(value: Mapping[str, Any], where: str) -> Key:
    return _text(value, "problem_id", where), _text(value, "program_id", where)


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:  # no JSON, or no UTF-8
        raise ProgramsFileError(f"{where}: not a line of JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProgramsFileError(f"{where}: {type(value).__name__} where a JSON object is needed")
    return value


def _text(value: Mapping[str, Any], field: str, where: str) -> str:
    """The field as text; whole numbers, which many files use for ids, are taken as their digits."""
    found = value.get(field)
    if isinstance(found, str) and found:
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise ProgramsFileError(f"{where}: {field!r} is {found!r}; it must be a string that is not empty")


def _unknown_problem(path: Path, row: ProgramRow, problems: Mapping[str, Problem]) -> str:
    known = ", ".join(sorted(problems)[:5]) + (", ..." if len(problems) > 5 else "")
    return (
        f"{path}: program {row.program_id!r} is for problem {row.problem_id!r}, which is not in the problem "
        f"set; its {len(problems)} problems are {known}"
    )
