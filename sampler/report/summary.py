"""A run in figures: the content of report/summary.json, from which the table and the page are made.

schema_version     1
complete           every planned sample is drawn and judged
model, manifest    as the run's manifest has them: name and size; what the run depends on and was made with
problems, solved   how many, and how many with an accepted sample
samples            {per_problem, planned, drawn, judged}
n                  {min, max} over the problems of their judged samples without INTERNAL_ERROR
interval           {method, confidence, resamples, seed}
pass_at_k          [{k, estimate, low, high, confidence, problems}]; `problems` counts those with n >= k
by_difficulty      [{difficulty, problems, solved, n, pass_at_k}]; the unrated ones have difficulty null
verdicts, finish_reasons, extraction_rules     how often each occurs
tokens             {prompt_tokens, shared_prompt_tokens, shared_share, prefilled_tokens, new_tokens, sessions,
                   unended_sessions, seconds, tokens_per_second}; null where the manifest has no sessions
faults             [{problem_id, sample_index, reason, attempts}]: every INTERNAL_ERROR
missing            {not_drawn, not_judged, problems: [{problem_id, not_drawn, not_judged}]}, the inner two as
                   ranges of sample indices ("0-2, 7")
duplicate_rows     rows that repeat the key of an earlier one
per_problem        [{problem_id, title, difficulty, tags, n, c, faults, drawn, pass_at_1, pass_at_k: {k: ..},
                   verdicts}]; pass@k is null where n < k
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from judge.verdict import Verdict
from sampler.report.statistics import ProblemCount, curve_ks, interval, mean_pass_at_k, pass_at_k, pass_values
from sampler.report.tally import ProblemTally, RunTally, tally_run
from sampler.report.text import index_ranges

if TYPE_CHECKING:
    from sampler.config import ReportConfig
    from sampler.run_dir import RunDir

SCHEMA_VERSION = 1
_DIFFICULTIES = ("easy", "medium", "hard")  # come first and in this order; others follow as they occur
_EXCERPT = (  # of the manifest
    *("config_digest", "config", "problem_set", "seed", "created_at", "versions", "hardware"),
    *("dtype", "device", "attention", "sandbox", "samples", "sessions"),
)


def summarize(run_dir: RunDir, config: ReportConfig) -> dict[str, Any]:
    """The figures of a run, finished or not, as plain JSON values.

    The keys are described at the top of this module. Every `pass_at_k` list has one entry per k of
    `curve_ks` up to the largest n of any problem; the estimate is None where no problem has n >= k, the
    bounds are None where fewer than two have.

    Raises:
        RunDirError: there is no readable manifest, or a row does not belong to this run.
        judge.rows.RowError: a row file cannot be read.
    """
    tally = tally_run(run_dir)
    problems = list(tally.problems.values())
    counts = [ProblemCount.of(problem) for problem in problems]
    ks = curve_ks(max((count.n for count in counts), default=0))
    missing = _missing(tally)
    return {
        "schema_version": SCHEMA_VERSION,
        "complete": missing["not_drawn"] == 0 and missing["not_judged"] == 0,
        "model": tally.manifest.get("model") or {},
        "problems": len(problems),
        "solved": sum(count.c > 0 for count in counts),
        "samples": _samples(tally),
        "n": _span(counts),
        "interval": _interval_settings(tally, config),
        "pass_at_k": _figures(counts, ks, _seed(tally), config),
        "by_difficulty": _by_difficulty(problems, ks, _seed(tally), config),
        "verdicts": verdict_counts(v for problem in problems for v in problem.verdicts.values()),
        "finish_reasons": dict(tally.finish_reasons.most_common()),
        "extraction_rules": dict(tally.extraction_rules.most_common()),
        "tokens": _tokens(tally),
        "faults": [dataclasses.asdict(fault) for fault in tally.faults],
        "missing": missing,
        "duplicate_rows": tally.duplicate_rows,
        "manifest": {key: tally.manifest[key] for key in _EXCERPT if key in tally.manifest},
        "per_problem": [_problem(problem, ks) for problem in problems],
    }


def verdict_counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How often each verdict occurs, in the order of the enumeration; those that do not are left out."""
    found = Counter(verdicts)
    return {verdict.value: found[verdict] for verdict in Verdict if found[verdict]}


def _seed(tally: RunTally) -> int:
    return int(tally.manifest.get("seed") or 0)


def _samples(tally: RunTally) -> dict[str, int]:
    return {
        "per_problem": tally.planned_per_problem,
        "planned": tally.planned_per_problem * len(tally.problems),
        "drawn": tally.drawn,
        "judged": tally.judged,
    }


def _span(counts: Sequence[ProblemCount]) -> dict[str, int]:
    return {
        "min": min((count.n for count in counts), default=0),
        "max": max((count.n for count in counts), default=0),
    }


def _interval_settings(tally: RunTally, config: ReportConfig) -> dict[str, Any]:
    return {
        "method": "percentile bootstrap over problems",
        "confidence": config.confidence,
        "resamples": config.resamples,
        "seed": _seed(tally),
    }


def _figures(
    counts: Sequence[ProblemCount], ks: Sequence[int], seed: int, config: ReportConfig
) -> list[dict[str, Any]]:
    return [_figure(counts, k, seed, config) for k in ks]


def _figure(counts: Sequence[ProblemCount], k: int, seed: int, config: ReportConfig) -> dict[str, Any]:
    bounds = interval(counts, k, config.confidence, config.resamples, seed)
    return {
        "k": k,
        "estimate": mean_pass_at_k(counts, k),
        "low": bounds[0] if bounds else None,
        "high": bounds[1] if bounds else None,
        "confidence": config.confidence,
        "problems": len(pass_values(counts, k)),
    }


def _by_difficulty(
    problems: Sequence[ProblemTally], ks: Sequence[int], seed: int, config: ReportConfig
) -> list[dict[str, Any]]:
    def rank(difficulty: str | None) -> int:
        if difficulty is None:
            return len(_DIFFICULTIES) + 1
        return _DIFFICULTIES.index(difficulty) if difficulty in _DIFFICULTIES else len(_DIFFICULTIES)

    groups = []
    for difficulty in sorted(dict.fromkeys(problem.difficulty for problem in problems), key=rank):
        counts = [ProblemCount.of(problem) for problem in problems if problem.difficulty == difficulty]
        groups.append(
            {
                "difficulty": difficulty,
                "problems": len(counts),
                "solved": sum(count.c > 0 for count in counts),
                "n": _span(counts),
                "pass_at_k": _figures(counts, ks, seed, config),
            }
        )
    return groups


def _problem(problem: ProblemTally, ks: Sequence[int]) -> dict[str, Any]:
    n, c = problem.n, problem.c
    passes = {str(k): pass_at_k(n, c, k) if n >= k else None for k in ks}
    return {
        "problem_id": problem.problem_id,
        "title": problem.title,
        "difficulty": problem.difficulty,
        "tags": list(problem.tags),
        "n": n,
        "c": c,
        "faults": problem.faults,
        "drawn": len(problem.drawn),
        "pass_at_1": passes.get("1"),
        "pass_at_k": passes,
        "verdicts": verdict_counts(problem.verdicts.values()),
    }


def _missing(tally: RunTally) -> dict[str, Any]:
    """What was planned and has no row: counts, and per problem the sample indices as text."""
    not_drawn = not_judged = 0
    entries = []
    for problem in tally.problems.values():
        undrawn, unjudged = problem.not_drawn(tally.planned_per_problem), problem.not_judged()
        not_drawn += len(undrawn)
        not_judged += len(unjudged)
        if undrawn or unjudged:
            entries.append(
                {
                    "problem_id": problem.problem_id,
                    "not_drawn": index_ranges(undrawn),
                    "not_judged": index_ranges(unjudged),
                }
            )
    return {"not_drawn": not_drawn, "not_judged": not_judged, "problems": entries}


def _tokens(tally: RunTally) -> dict[str, Any]:
    """Token counts from the rows; time and prefilled tokens from the sessions, None where none says them."""
    sessions = tally.manifest.get("sessions") or []
    seconds = _session_sum(sessions, "seconds")
    drawn = _session_sum(sessions, "new_tokens")
    return {
        "prompt_tokens": tally.prompt_tokens,
        "shared_prompt_tokens": tally.shared_prompt_tokens,
        "shared_share": tally.shared_prompt_tokens / tally.prompt_tokens if tally.prompt_tokens else None,
        "prefilled_tokens": _session_sum(sessions, "prefilled_tokens"),
        "new_tokens": tally.new_tokens,
        "sessions": len(sessions),
        "unended_sessions": sum(session.get("ended_at") is None for session in sessions),
        "seconds": seconds,
        "tokens_per_second": drawn / seconds if drawn is not None and seconds else None,
    }


def _session_sum(sessions: Sequence[dict[str, Any]], name: str) -> Any:
    values = [session[name] for session in sessions if session.get(name) is not None]
    return sum(values) if values else None


def headline_ks(ks: Sequence[int]) -> list[int]:
    """The few k to show where there is no room for all: the powers of ten, and the last."""
    return [k for k in ks if str(k).strip("0") == "1" or k == ks[-1]]
