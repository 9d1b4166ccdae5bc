"""The report as one HTML file that asks nothing of the network.

Every expression of the template passes `visible` and then Jinja's autoescaping, so text from a model can
be neither markup nor a disguise. The page's Content-Security-Policy allows the one style sheet and the one
script that are in it, by their hashes, and nothing else: no request, no inline handler, no eval. The script
only adds sorting and filtering; without it everything is there to be read.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sampler.report.chart import charted_groups, pass_curve
from sampler.report.programs import ProblemPrograms
from sampler.report.summary import headline_ks
from sampler.report.text import cut, index_ranges, visible

if TYPE_CHECKING:
    import jinja2

_PROGRAM_CHARS = 20_000  # longest program shown in full
_DETAIL_CHARS = 4_000  # longest input, output or message shown in full
_LINE_CHARS = 300  # longest reason, message or list of indices within a line
_LISTED = 50  # most lines in a list of faults or of missing samples
VERDICT_MEANINGS = {
    "AC": "accepted: every test that was run passed",
    "WA": "wrong answer",
    "TLE": "time limit exceeded",
    "MLE": "memory limit exceeded",
    "RE": "run-time error",
    "OLE": "output limit exceeded",
    "CE": "does not compile",
    "NO_CODE": "the completion holds no program",
    "INTERNAL_ERROR": "the judge failed, not the program; not counted in n",
}


@dataclass(frozen=True)
class BarPart:
    """One coloured stretch of a bar of verdicts, in percent of its width."""

    verdict: str
    count: int
    start: float
    width: float


def render_page(summary: Mapping[str, Any], programs: Mapping[str, ProblemPrograms]) -> str:
    """The page.

    Args:
        summary: what `summarize` returns.
        programs: what `distinct_programs` returns, for the same problems.

    Returns:
        HTML that can be encoded as UTF-8.
    """
    environment = _environment()
    style, script = (_source(environment, name) for name in ("report.css", "report.js"))
    return environment.get_template("report.html.j2").render(
        summary=summary,
        programs=programs,
        chart=pass_curve(dict(summary)) if summary["pass_at_k"] else "",
        charted=bool(charted_groups(dict(summary))),
        uneven=len({figure["problems"] for figure in summary["pass_at_k"]}) > 1,
        few_ks=headline_ks([figure["k"] for figure in summary["pass_at_k"]]),
        meanings=VERDICT_MEANINGS,
        listed=_LISTED,
        style=style,
        style_hash=_csp_hash(style),
        script=script,
        script_hash=_csp_hash(script),
    )


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sampler.report", "templates"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # optional keys may be absent: asked for, yes; printed, no
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "percent": percent,
        "integer": lambda number: f"{number:,}",
        "seconds": duration,
        "moment": moment,
        "ranges": index_ranges,
        "cut_program": lambda text: cut(text, _PROGRAM_CHARS),
        "cut_detail": lambda text: cut(text, _DETAIL_CHARS),
        "cut_line": lambda text: cut(text, _LINE_CHARS),
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "bar": lambda verdicts: list(bar_parts(verdicts)),
    }
    environment.filters.update(filters)
    return environment


def _finalize(value: Any) -> Any:
    """Applied by Jinja to the value of every `{{ }}`; markup comes from a template and has passed already."""
    import jinja2
    import markupsafe

    if isinstance(value, jinja2.Undefined):
        raise jinja2.UndefinedError(f"the template prints {value._undefined_name!r}, which is not there")
    if value is None:
        return "–"
    return visible(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _csp_hash(text: str) -> str:
    """The source expression that allows an inline element with this content (CSP level 2, section 4.2.5)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def percent(share: float | None) -> str:
    """A share as text, "41.2%"; a dash where it is undefined."""
    return "–" if share is None else f"{100 * share:.1f}%"


def duration(seconds: float) -> str:
    """Seconds as text for people: "4.2 s", "3 min 07 s", "2 h 05 min"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def moment(iso: str) -> str:
    """A time stamp as text for people, "2026-05-04 10:00 UTC"; what is no ISO 8601 stays as it is."""
    try:
        time = datetime.datetime.fromisoformat(iso)
    except ValueError:
        return iso
    if time.tzinfo is not None:
        return time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return time.strftime("%Y-%m-%d %H:%M")


def bar_parts(verdicts: Mapping[str, int]) -> Iterator[BarPart]:
    """Yield the stretches of a bar, side by side, as wide as the verdicts are frequent."""
    total, done = sum(verdicts.values()), 0
    for verdict, count in verdicts.items():
        yield BarPart(verdict, count, 100 * done / total, 100 * count / total)
        done += count
