"""Rows into counts: one pass over a run's row files, holding a few bytes a sample.

The manifest says what was planned, the sample rows what was drawn, the verdict rows what was judged. The
differences between the three are results too: nothing that is missing may look like a wrong answer.
Should a key occur twice, the row written last counts, and `duplicate_rows` says that it happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from judge.verdict import Verdict
from sampler.run_dir import RunDir, RunDirError, key_of


@dataclass(frozen=True)
class Fault:
    """A sample that got INTERNAL_ERROR, and why."""

    problem_id: str
    sample_index: int
    reason: str
    attempts: int


@dataclass
class ProblemTally:
    """What the rows hold of one problem."""

    problem_id: str
    title: str
    difficulty: str | None = None
    tags: tuple[str, ...] = ()
    drawn: set[int] = field(default_factory=set)  # sample indices with a sample row
    verdicts: dict[int, Verdict] = field(default_factory=dict)  # by sample index

    @property
    def n(self) -> int:
        """Judged samples without INTERNAL_ERROR: those that count."""
        return len(self.verdicts) - self.faults

    @property
    def c(self) -> int:
        """Accepted samples."""
        return self.count(Verdict.AC)

    @property
    def faults(self) -> int:
        """Samples with INTERNAL_ERROR."""
        return self.count(Verdict.INTERNAL_ERROR)

    def count(self, verdict: Verdict) -> int:
        """Samples with this verdict."""
        return sum(1 for found in self.verdicts.values() if found is verdict)

    def not_drawn(self, planned: int) -> list[int]:
        """The indices below `planned` that have neither a sample row nor a verdict row."""
        return [i for i in range(planned) if i not in self.drawn and i not in self.verdicts]

    def not_judged(self) -> list[int]:
        """The drawn indices that have no verdict row."""
        return sorted(self.drawn - self.verdicts.keys())


@dataclass
class RunTally:
    """What the rows of a run add up to."""

    manifest: dict[str, Any]
    problems: dict[str, ProblemTally]  # by problem id, in the manifest's order
    finish_reasons: Counter[str] = field(default_factory=Counter)
    extraction_rules: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0  # as if no prompt shared anything
    shared_prompt_tokens: int = 0  # of prompt_tokens
    new_tokens: int = 0
    faults: list[Fault] = field(default_factory=list)
    duplicate_rows: int = 0  # rows superseded by a later row of the same key

    @property
    def planned_per_problem(self) -> int:
        """Samples asked for, for each problem."""
        return int(self.manifest.get("samples") or 0)

    @property
    def drawn(self) -> int:
        """Samples with a row."""
        return sum(len(problem.drawn) for problem in self.problems.values())

    @property
    def judged(self) -> int:
        """Samples with a verdict row, faults included."""
        return sum(len(problem.verdicts) for problem in self.problems.values())


def tally_run(run_dir: RunDir) -> RunTally:
    """Count the rows of a run, finished or not.

    Raises:
        RunDirError: there is no readable manifest, or a row does not belong to this run.
        judge.rows.RowError: a row file cannot be read.
    """
    tally = tally_verdicts(run_dir)
    for row in run_dir.samples():
        _add_sample(tally, row)
    return tally


def tally_verdicts(run_dir: RunDir) -> RunTally:
    """Count only the verdict rows of a run; raises as `tally_run` does."""
    manifest = run_dir.manifest()
    tally = RunTally(manifest, {problem.problem_id: problem for problem in _problems(run_dir, manifest)})
    faults: dict[tuple[str, int], Fault] = {}
    for row in run_dir.verdicts():
        _add_verdict(tally, faults, row)
    tally.faults = sorted(faults.values(), key=lambda fault: (fault.problem_id, fault.sample_index))
    return tally


def _problems(run_dir: RunDir, manifest: dict[str, Any]) -> Iterator[ProblemTally]:
    try:
        for entry in manifest["problems"]:
            yield ProblemTally(
                problem_id=entry["problem_id"],
                title=entry.get("title") or entry["problem_id"],
                difficulty=entry.get("difficulty"),
                tags=tuple(entry.get("tags") or ()),
            )
    except (KeyError, TypeError, AttributeError) as error:
        raise RunDirError(
            f"{run_dir.manifest_path} does not list the run's problems "
            f'("problems": [{{"problem_id": ..}}, ..]): {error!r}'
        ) from error


def _problem_of(tally: RunTally, row: dict[str, Any]) -> ProblemTally:
    problem_id, index = key_of(row)
    if problem_id not in tally.problems:
        raise RunDirError(
            f"the row of problem {problem_id!r}, sample {index}, does not belong to this run: its "
            "manifest.json does not list that problem; move its row file out of the run directory"
        )
    return tally.problems[problem_id]


def _add_sample(tally: RunTally, row: dict[str, Any]) -> None:
    problem, index = _problem_of(tally, row), row["sample_index"]
    if index in problem.drawn:
        # Samples are a function of their key, so the two rows hold the same and one of them is enough.
        tally.duplicate_rows += 1
        return
    problem.drawn.add(index)
    tally.finish_reasons[row.get("finish_reason") or "unknown"] += 1
    tally.extraction_rules[row.get("extraction_rule") or "none"] += 1
    tally.prompt_tokens += row.get("prompt_tokens") or 0
    tally.shared_prompt_tokens += row.get("shared_prompt_tokens") or 0
    tally.new_tokens += row.get("new_tokens") or 0


def _add_verdict(tally: RunTally, faults: dict[tuple[str, int], Fault], row: dict[str, Any]) -> None:
    problem, key = _problem_of(tally, row), key_of(row)
    try:
        verdict = Verdict(row["verdict"])
    except ValueError as error:
        raise RunDirError(
            f"the verdict row of problem {key[0]!r}, sample {key[1]}, says {row['verdict']!r}; "
            f"a verdict is one of {', '.join(Verdict)}"
        ) from error
    if key[1] in problem.verdicts:
        tally.duplicate_rows += 1
        faults.pop(key, None)
    problem.verdicts[key[1]] = verdict
    if verdict is Verdict.INTERNAL_ERROR:
        faults[key] = Fault(key[0], key[1], _reason(row), int(row.get("attempts") or 1))


def _reason(row: dict[str, Any]) -> str:
    detail = row.get("detail") or {}
    return detail.get("message") or detail.get("stderr") or "no reason was recorded"
