from __future__ import annotations

import datetime

import pytest

from problems import ProblemError, open_problems
from problems.selection import Selection, split_spec


def test_a_plain_spec_has_no_filter():
    assert split_spec("package:some/dir") == ("package:some/dir", Selection())


def test_filters_are_read():
    source, selection = split_spec(
        "bundled?ids=a,b&difficulty=easy, medium&tags=dp&since=2024-01-02&until=2025-01-01&limit=3"
    )
    assert source == "bundled"
    assert selection == Selection(
        ids=("a", "b"),
        difficulty=("easy", "medium"),
        tags=("dp",),
        since=datetime.date(2024, 1, 2),
        until=datetime.date(2025, 1, 1),
        limit=3,
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bundled?dificulty=easy", "unknown filter 'dificulty'.*nearest: difficulty"),
        ("bundled?limit=many", "limit='many'"),
        ("bundled?limit=0", "at least 1"),
        ("bundled?since=yesterday", "since='yesterday'"),
        ("bundled?ids=", "it is empty"),
        ("bundled?ids=a&ids=b", "stands twice"),
        ("bundeld", "unknown problem set"),
    ],
)
def test_a_bad_filter_is_named(spec, message):
    with pytest.raises(ProblemError, match=message):
        open_problems(spec)


def test_a_filter_given_twice_is_refused():
    with pytest.raises(ProblemError, match="both in"):
        open_problems("bundled?limit=3", limit=4)
