"""Builds report/ from the rows of a run. The rows are only read; building again gives the same files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.verdict import Verdict
from sampler.run_dir import RunDir, write_atomically

if TYPE_CHECKING:
    from sampler.config import ReportConfig

PAGE = "index.html"
SUMMARY = "summary.json"
PER_PROBLEM = "per_problem.csv"


def build_report(run_dir: str | Path, config: ReportConfig | None = None) -> dict[str, Any]:
    """Write report/index.html, report/summary.json and report/per_problem.csv of a run, finished or not.

    Each file replaces the old one at once: a reader never sees half of one.

    Args:
        run_dir: the run directory.
        config: what to show; None takes the `[report]` section of the run's own config.toml.

    Returns:
        The summary, as it stands in summary.json.

    Raises:
        RunDirError: there is no readable manifest, or a row does not belong to this run.
        judge.rows.RowError: a row file cannot be read.
        sampler.config.ConfigError: the run's config.toml cannot be used.
        OSError: the report cannot be written.
    """
    from sampler.report.page import render_page
    from sampler.report.programs import distinct_programs, groups_per_problem
    from sampler.report.summary import summarize

    directory = RunDir(Path(run_dir))
    config = config or _config_of(directory)
    summary = summarize(directory, config)
    problem_ids = [problem["problem_id"] for problem in summary["per_problem"]]
    most = groups_per_problem(config.programs_per_problem, len(problem_ids))
    page = render_page(summary, distinct_programs(directory, problem_ids, most))

    directory.report.mkdir(parents=True, exist_ok=True)
    write_atomically(directory.report / PAGE, page)
    write_atomically(directory.report / PER_PROBLEM, _per_problem_csv(summary))
    write_atomically(directory.report / SUMMARY, json.dumps(summary, indent=1) + "\n")
    return summary


def _config_of(directory: RunDir) -> ReportConfig:
    from sampler.config import load_config

    file = directory.config_path if directory.config_path.exists() else None
    return load_config(file, {}).report


def _per_problem_csv(summary: dict[str, Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(_csv_rows(summary))
    return text.getvalue()


def _csv_rows(summary: dict[str, Any]) -> Iterator[list[Any]]:
    """The header, then one row a problem; an undefined pass@k is an empty field."""
    ks = [str(figure["k"]) for figure in summary["pass_at_k"]]
    names = ["problem_id", "title", "difficulty", "tags", "n", "c", "faults", "drawn"]
    yield [*names, *(f"pass_at_{k}" for k in ks), *Verdict]
    for problem in summary["per_problem"]:
        fixed = [" ".join(problem[name]) if name == "tags" else problem[name] for name in names]
        passes = [problem["pass_at_k"][k] for k in ks]
        yield [*fixed, *passes, *(problem["verdicts"].get(verdict.value, 0) for verdict in Verdict)]
