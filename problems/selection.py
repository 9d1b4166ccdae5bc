"""Opening a problem set by its SPEC, and choosing problems from it.

A SPEC names a source and, after a colon, what that source reads: `bundled`, `package:DIR`. Filters may
follow after a question mark: `bundled?difficulty=easy,medium&limit=10`. The source yields every problem of
the set; the filters, from the SPEC or the caller, then choose among them. A filter that cannot be met
is an error, never an empty run: a misspelled id must not cost a night.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from problems.problem import Problem, ProblemError
from problems.sources import read_source


@dataclass(frozen=True)
class Selection:
    """Which problems of a set are wanted. Empty or None: no restriction by that filter."""

    ids: tuple[str, ...] = ()  # exactly these; the set's own order is kept
    difficulty: tuple[str, ...] = ()  # one of these
    tags: tuple[str, ...] = ()  # at least one of these
    since: datetime.date | None = None  # first day; problems without a date are left out
    until: datetime.date | None = None  # last day, itself included; problems without a date are left out
    limit: int | None = None  # at most this many, counted after the other filters

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ProblemError(f"limit is {self.limit}; it must be at least 1, or left out for all problems")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ProblemError(f"since ({self.since}) is after until ({self.until}); swap the two dates")

    def admits(self, problem: Problem) -> bool:
        """Whether the problem passes every filter but `limit`."""
        return (
            (not self.ids or problem.problem_id in self.ids)
            and (not self.difficulty or problem.difficulty in self.difficulty)
            and (not self.tags or not set(self.tags).isdisjoint(problem.tags))
            and self._admits_date(problem.date)
        )

    def _admits_date(self, date: datetime.date | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if date is None:
            return False
        return (self.since is None or self.since <= date) and (self.until is None or date <= self.until)

    def describe(self) -> str:
        """The filters that are set, as a person would write them."""
        given = {name: value for name, value in vars(self).items() if value not in ((), None)}
        return ", ".join(f"{name}={_show(value)}" for name, value in given.items()) or "no filter"


def open_problems(
    spec: str,
    *,
    ids: Sequence[str] = (),
    difficulty: Sequence[str] = (),
    tags: Sequence[str] = (),
    since: datetime.date | None = None,
    until: datetime.date | None = None,
    limit: int | None = None,
) -> Iterator[Problem]:
    """Yield the chosen problems of a set, in the set's own order.

    Args:
        spec: `bundled` (the embedded set) or `package:DIR` (a Kattis/ICPC problem package, or a folder
            of them); `?` and filters may follow, such as `?difficulty=easy,medium&limit=10`.
        ids: only problems with one of these ids; each id must exist.
        difficulty: only problems with one of these difficulties.
        tags: only problems with at least one of these tags.
        since: only problems dated on this day or later.
        until: only problems dated on this day or earlier.
        limit: at most this many problems.

    Raises:
        ProblemError: the SPEC is unknown (raised at once); a package is faulty, an id is missing or given to
            two problems, or the filters leave nothing (raised while iterating).
    """
    source, query = split_spec(spec)
    given = Selection(_as_tuple(ids), _as_tuple(difficulty), _as_tuple(tags), since, until, limit)
    return _select(read_source(source), _merged(query, given, spec), source)


def split_spec(spec: str) -> tuple[str, Selection]:
    """Split a SPEC into its source and the filters after the question mark.

    Raises:
        ProblemError: a filter is unknown, given twice, or its value cannot be read.
    """
    source, _, query = spec.partition("?")
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _FILTERS:
            raise ProblemError(
                f"unknown filter {name!r} in {spec!r}{_nearest(name, _FILTERS)}; "
                f"filters: {', '.join(_FILTERS)}"
            )
        if name in values:
            raise ProblemError(f"filter {name!r} stands twice in {spec!r}; separate values with commas")
        try:
            values[name] = _FILTERS[name](text)
        except ValueError as error:
            raise ProblemError(f"filter {name}={text!r} in {spec!r} cannot be read: {error}") from error
    return source, Selection(**values)


def _comma_list(text: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in text.split(",") if value.strip())
    if not values:
        raise ValueError("it is empty; name one value or more, separated by commas")
    return values


_FILTERS: dict[str, Callable[[str], Any]] = {
    "ids": _comma_list,
    "difficulty": _comma_list,
    "tags": _comma_list,
    "since": datetime.date.fromisoformat,
    "until": datetime.date.fromisoformat,
    "limit": int,
}


def _merged(query: Selection, given: Selection, spec: str) -> Selection:
    """The filters of the SPEC and those of the caller, of which none may be given by both."""
    from_query = {name: value for name, value in vars(query).items() if value not in ((), None)}
    from_caller = {name: value for name, value in vars(given).items() if value not in ((), None)}
    both = sorted(from_query.keys() & from_caller.keys())
    if both:
        raise ProblemError(f"filter {', '.join(both)} is given both in {spec!r} and beside it; give it once")
    return Selection(**from_query, **from_caller)


def _as_tuple(values: Sequence[str]) -> tuple[str, ...]:
    # A bare string is a sequence of letters; what was meant is one value.
    return (values,) if isinstance(values, str) else tuple(values)


@dataclass
class _Seen:
    """What a set held so far: for the messages, and to find ids given twice."""

    ids: dict[str, None] = field(default_factory=dict)  # a dict keeps the order
    difficulties: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)

    def add(self, problem: Problem, spec: str) -> None:
        if problem.problem_id in self.ids:
            raise ProblemError(
                f"problem set {spec!r} holds two problems with the id {problem.problem_id!r}; "
                "ids must be unique: rename one of them"
            )
        self.ids[problem.problem_id] = None
        self.difficulties |= {problem.difficulty} if problem.difficulty else set()
        self.tags |= set(problem.tags)


def _select(problems: Iterable[Problem], selection: Selection, spec: str) -> Iterator[Problem]:
    if selection.ids:
        # A wrong id must be known before the first problem is worked on, so the set is read to its end.
        problems = _with_all_ids(problems, selection, spec)
    seen = _Seen()
    chosen = 0
    for problem in problems:
        seen.add(problem, spec)
        if selection.admits(problem):
            yield problem
            chosen += 1
            if chosen == selection.limit:
                return
    if not chosen:
        raise ProblemError(_nothing_left(selection, seen, spec))


def _with_all_ids(problems: Iterable[Problem], selection: Selection, spec: str) -> list[Problem]:
    everything = list(problems)
    known = [problem.problem_id for problem in everything]
    missing = [problem_id for problem_id in selection.ids if problem_id not in known]
    if missing:
        hints = [f"{problem_id!r}{_nearest(problem_id, known)}" for problem_id in missing]
        raise ProblemError(
            f"problem set {spec!r} ({len(known)} problems) has no problem with the id {', '.join(hints)}; "
            f"`orchard problems ls {spec}` lists the ids"
        )
    return everything


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(close)})" if close else ""


def _nothing_left(selection: Selection, seen: _Seen, spec: str) -> str:
    if not seen.ids:
        return f"problem set {spec!r} holds no problem"
    return (
        f"none of the {len(seen.ids)} problems of {spec!r} passes the filters {selection.describe()}; "
        f"difficulties there: {', '.join(sorted(seen.difficulties)) or 'none'}; "
        f"tags there: {', '.join(sorted(seen.tags)) or 'none'}"
    )


def _show(value: object) -> str:
    return "|".join(map(str, value)) if isinstance(value, tuple) else str(value)
