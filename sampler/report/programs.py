"""The distinct programs of a run, grouped for reading.

Samples whose program and verdict are the same form a group. A run may hold millions of samples, so the
first pass over the rows keeps a digest and the indices only, and a second one fetches the text and the
verdict row of the one sample that stands for each group that is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from judge.verdict import Verdict
from sampler.run_dir import Key, key_of

if TYPE_CHECKING:
    from sampler.run_dir import RunDir

PAGE_PROGRAMS = 10_000  # most groups on one page, over all problems: some 20 MB of HTML


@dataclass
class ProgramGroup:
    """One distinct program (or, where none could be extracted, one distinct completion) of a problem."""

    verdict: str | None  # None: not judged yet
    sample_indices: list[int]  # ascending; the first one stands for the group
    sample: dict[str, Any] = field(default_factory=dict)  # its sample row
    judgement: dict[str, Any] = field(default_factory=dict)  # its verdict row; empty where there is none

    @property
    def text(self) -> str:
        """The program, or the raw completion where there is no program."""
        return self.sample.get("program") or self.sample.get("text") or ""


@dataclass(frozen=True)
class ProblemPrograms:
    """The groups of one problem that are shown, the most interesting first, and what is not shown."""

    problem_id: str
    groups: list[ProgramGroup]
    hidden_groups: int = 0
    hidden_samples: int = 0


def groups_per_problem(programs_per_problem: int, problems: int) -> int:
    """How many groups of each problem are shown: the setting, or less where a page would grow too large."""
    return max(1, min(programs_per_problem, PAGE_PROGRAMS // max(1, problems)))


def distinct_programs(run_dir: RunDir, problem_ids: Sequence[str], most: int) -> dict[str, ProblemPrograms]:
    """The first `most` groups of every problem: accepted ones first, then by how many samples they hold.

    Raises:
        judge.rows.RowError: a row file cannot be read.
    """
    groups = _group(run_dir)
    chosen = {problem_id: _choose(problem_id, groups.get(problem_id, []), most) for problem_id in problem_ids}
    _fetch_rows(run_dir, chosen)
    return chosen


def _group(run_dir: RunDir) -> dict[str, list[ProgramGroup]]:
    verdicts = {key_of(row): Verdict(row["verdict"]).value for row in run_dir.verdicts()}
    groups: dict[str, dict[tuple[bytes, str | None], list[int]]] = {}
    for row in run_dir.samples():
        key = key_of(row)
        indices = groups.setdefault(key[0], {}).setdefault((_digest(row), verdicts.get(key)), [])
        indices.append(key[1])
    return {
        problem_id: [ProgramGroup(verdict, sorted(set(found))) for (_, verdict), found in by_program.items()]
        for problem_id, by_program in groups.items()
    }


def _digest(row: dict[str, Any]) -> bytes:
    """Identifies what is shown of a sample: its language and program, or its text where it has none."""
    program = row.get("program")
    kind, text = ("program", program) if program else ("text", row.get("text") or "")
    content = "\0".join((kind, row.get("language") or "", text))
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _choose(problem_id: str, groups: list[ProgramGroup], most: int) -> ProblemPrograms:
    ranked = sorted(groups, key=lambda g: (g.verdict != Verdict.AC, -len(g.sample_indices), g.sample_indices))
    hidden = ranked[most:]
    return ProblemPrograms(
        problem_id, ranked[:most], len(hidden), sum(len(group.sample_indices) for group in hidden)
    )


def _fetch_rows(run_dir: RunDir, chosen: dict[str, ProblemPrograms]) -> None:
    wanted: dict[Key, ProgramGroup] = {
        (problem_id, group.sample_indices[0]): group
        for problem_id, programs in chosen.items()
        for group in programs.groups
    }
    for row in run_dir.samples():
        if group := wanted.get(key_of(row)):
            group.sample = row
    for row in run_dir.verdicts():
        if group := wanted.get(key_of(row)):
            group.judgement = row
