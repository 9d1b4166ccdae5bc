"""The figures of a run for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sampler.report.summary import headline_ks
from sampler.report.text import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_REASON_CHARACTERS = 500


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Print pass@k with its intervals, the difficulties, the verdicts, and what is missing.

    Fits in 80 columns; on a console that is no terminal it is plain text.

    Args:
        summary: what `build_report` returns.
        console: where to print.
    """
    if summary["pass_at_k"]:
        console.print(_pass_table(summary))
        console.print()
        if len(summary["by_difficulty"]) > 1:
            console.print(_difficulty_table(summary))
            console.print()
    for line in _lines(summary):
        console.print(line, markup=False, highlight=False)


def _pass_table(summary: dict[str, Any]) -> Table:
    # Fewer problems than in the row above means that some have n < k: those two rows do not compare.
    confidence = f"{100 * summary['interval']['confidence']:g}% interval"
    table = _table(("k", "pass@k", confidence, "problems"))
    for figure in summary["pass_at_k"]:
        table.add_row(
            str(figure["k"]),
            _percent(figure["estimate"]),
            _bounds(figure),
            f"{figure['problems']} of {summary['problems']}",
        )
    return table


def _difficulty_table(summary: dict[str, Any]) -> Table:
    from rich.text import Text

    ks = headline_ks([figure["k"] for figure in summary["pass_at_k"]])
    table = _table(("difficulty", "problems", "solved", *(f"pass@{k}" for k in ks)))
    for group in summary["by_difficulty"]:
        estimates = {figure["k"]: figure["estimate"] for figure in group["pass_at_k"]}
        table.add_row(
            Text(visible(group["difficulty"] or "unrated")),  # a Text is not read as console markup
            str(group["problems"]),
            str(group["solved"]),
            *(_percent(estimates[k]) for k in ks),
        )
    return table


def _table(columns: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2), header_style="bold")
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 and name != "k" else "right", no_wrap=i > 0)
    return table


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines below the tables."""
    n, samples = summary["n"], summary["samples"]
    span = str(n["max"]) if n["min"] == n["max"] else f"{n['min']} to {n['max']}"
    yield (
        f"{summary['solved']} of {summary['problems']} problems solved; n = {span} judged samples per problem"
    )
    if summary["verdicts"]:
        yield "verdicts: " + "  ".join(f"{name} {count:,}" for name, count in summary["verdicts"].items())
    if faults := len(summary["faults"]):
        yield f"{faults:,} INTERNAL_ERROR: the sampler or the judge failed, not the program; not in n"
        reason = summary["faults"][0]["reason"].strip().split("\n")[0]
        yield f"the first of them: {visible(reason[:_REASON_CHARACTERS])}"
    if not summary["complete"]:
        missing = summary["missing"]
        yield (
            f"UNFINISHED: of {samples['planned']:,} planned samples {missing['not_drawn']:,} are not drawn "
            f"and {missing['not_judged']:,} drawn ones not judged; the same command resumes the run"
        )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _bounds(figure: dict[str, Any]) -> str:
    return "–" if figure["low"] is None else f"{_percent(figure['low'])} to {_percent(figure['high'])}"
