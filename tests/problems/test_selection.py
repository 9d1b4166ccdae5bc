from __future__ import annotations

import datetime

import pytest

import problems
from problems import ProblemError, open_problems
from problems.sources import SOURCES


@pytest.fixture
def spec(make_package):
    """Three packages: a (easy, no date), b (easy, 2024) and c (hard, 2025)."""
    header = "problem_format_version: 2023-07\nname: P\n"
    make_package({"problem.yaml": f"{header}keywords: [easy, sums]\n"}, name="a")
    make_package({"problem.yaml": f"{header}keywords: [easy, graphs]\ndate: 2024-01-01\n"}, name="b")
    folder = make_package(
        {"problem.yaml": f"{header}keywords: [hard, graphs, dp]\ndate: 2025-01-01\n"}, name="c"
    )
    return f"package:{folder.parent}"


def ids_of(spec, **filters):
    return [problem.problem_id for problem in open_problems(spec, **filters)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"ids": ["c", "a"]}, ["a", "c"]),
        ({"ids": "b"}, ["b"]),
        ({"difficulty": ["easy"]}, ["a", "b"]),
        ({"tags": ["sums", "dp"]}, ["a", "c"]),
        ({"since": datetime.date(2024, 6, 1)}, ["c"]),
        ({"until": datetime.date(2024, 1, 1)}, ["b"]),
        ({"since": datetime.date(2024, 1, 1), "until": datetime.date(2025, 1, 1)}, ["b", "c"]),
        ({"limit": 2}, ["a", "b"]),
        ({"limit": 1, "tags": ["graphs"]}, ["b"]),
        ({"limit": 9}, ["a", "b", "c"]),
    ],
)
def test_filters(spec, filters, expected):
    assert ids_of(spec, **filters) == expected


def test_one_package_is_a_set_of_one(spec):
    assert ids_of(f"{spec}/b") == ["b"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"ids": ["a", "bb"]}, r"no problem with the id 'bb' \(nearest: b\)"),
        ({"tags": ["geometry"]}, "none of the 3 problems.*tags=geometry.*tags there: dp, graphs, sums"),
        ({"difficulty": ["medium"]}, "difficulties there: easy, hard"),
        ({"since": datetime.date(2030, 1, 1)}, "since=2030-01-01"),
    ],
)
def test_a_filter_that_cannot_be_met_is_an_error(spec, filters, message):
    with pytest.raises(ProblemError, match=message):
        ids_of(spec, **filters)


def test_a_missing_id_is_known_before_the_first_problem(spec):
    with pytest.raises(ProblemError, match="no problem with the id 'zzz'"):
        next(open_problems(spec, ids=["a", "zzz"]))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"limit": 0}, "limit is 0; it must be at least 1"),
        ({"since": datetime.date(2025, 1, 1), "until": datetime.date(2024, 1, 1)}, "swap the two dates"),
    ],
)
def test_senseless_filters_are_refused_at_once(spec, filters, message):
    with pytest.raises(ProblemError, match=message):
        open_problems(spec, **filters)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("bundeld", "unknown problem set 'bundeld'; allowed: bundled, package:DIR; nearest: bundled"),
        ("packages:x", "nearest: package:DIR"),
        ("", "unknown problem set ''"),
        ("package", "write 'package:DIR'"),
        ("package:", "write 'package:DIR'"),
        ("bundled:x", "write 'bundled'"),
    ],
)
def test_an_unknown_spec_is_refused_at_once(bad, message):
    with pytest.raises(ProblemError, match=message):
        open_problems(bad)


def test_a_folder_given_as_spec_is_explained(tmp_path):
    with pytest.raises(ProblemError, match=f"write 'package:{tmp_path}'"):
        open_problems(str(tmp_path))


def test_an_id_held_twice_is_an_error(spec, monkeypatch):
    source = SOURCES["package"]
    twice = type(source)(
        source.name, source.argument, lambda text: iter([*source.read(text), *source.read(text)])
    )
    monkeypatch.setitem(SOURCES, "package", twice)
    with pytest.raises(ProblemError, match="two problems with the id 'a'"):
        ids_of(spec)


def test_exported_names():
    assert sorted(problems.__all__) == [
        "CheckerSpec",
        "Limits",
        "Problem",
        "ProblemError",
        "Submission",
        "TestCase",
        "open_problems",
    ]
