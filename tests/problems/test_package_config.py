from __future__ import annotations

import datetime

import pytest

from problems import Limits, ProblemError
from problems.problem import MIB
from problems.sources.package_config import flag_words, read_config, read_mapping


def config_of(tmp_path, text, **companions):
    (tmp_path / "problem.yaml").write_text(text)
    for name, content in companions.items():
        (tmp_path / {"timelimit": ".timelimit", "ini": "domjudge-problem.ini"}[name]).write_text(content)
    return read_config(tmp_path)


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("keywords: easy, graphs  dp", ("easy", "graphs", "dp")),
        ("keywords: [graphs, graphs, shortest paths]", ("graphs", "shortest paths")),
        ("", ()),
    ],
)
def test_keywords(tmp_path, keywords, expected):
    assert config_of(tmp_path, f"name: A\n{keywords}\n").keywords == expected


def test_limits_default_to_ours(tmp_path):
    assert config_of(tmp_path, "name: A\n").limits == Limits()


@pytest.mark.parametrize(
    ("text", "companions", "seconds"),
    [
        ("limits: {time_limit: 1}", {"timelimit": "7"}, 1.0),
        ("limits: {memory: 1}", {"timelimit": " 7.5\n", "ini": "timelimit = 9"}, 7.5),
        ("", {"ini": "short-name = A\n timelimit='4'\ncolor=red\n"}, 4.0),
        ("", {"ini": "short-name = A\n"}, Limits().cpu_seconds),
    ],
)
def test_where_the_time_limit_comes_from(tmp_path, text, companions, seconds):
    assert config_of(tmp_path, f"name: A\n{text}\n", **companions).limits.cpu_seconds == seconds


def test_memory_and_output_are_in_mebibytes(tmp_path):
    limits = config_of(tmp_path, "name: A\nlimits: {memory: 64, output: 0.5}\n").limits
    assert (limits.memory_bytes, limits.output_bytes) == (64 * MIB, MIB // 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is not valid YAML"),
        ("- a\n- b\n", "holds a list"),
        ("name: [1, 2]\n", r"name is \[1, 2\]"),
        ("name: A\nproblem_format_version: 2031-01\n", "is '2031-01'; supported: legacy"),
        ("name: A\nlimits: 3\n", "limits is 3"),
        ("name: A\nlimits: {time_limit: fast}\n", "time_limit is 'fast'; it must be a positive number"),
        ("name: A\nlimits: {time_limit: 0}\n", "time_limit is 0"),
        ("name: A\nlimits: {time_limit: .nan}\n", "time_limit is nan"),
        ("name: A\nlimits: {memory: true}\n", "memory is True"),
        ("name: A\nlimits: {memry: 5}\n", "unknown key 'memry'; nearest: memory"),
        ("name: A\nvalidation: custom interactive\n", "interactive problems are not supported"),
        ("name: A\nvalidation: custom score\n", "score problems are not supported"),
        (
            "name: A\nproblem_format_version: 2023-07\ntype: [pass-fail, multi-pass]\n",
            "multi-pass problems are",
        ),
        ("name: A\nkeywords: {a: b}\n", "keywords is"),
        ("name: A\ndate: soon\n", "date is 'soon'; write it as YYYY-MM-DD"),
        ("name: A\nconstants: {n: 5}\n", "constants are not supported"),
    ],
)
def test_a_faulty_problem_yaml_is_refused(tmp_path, text, message):
    with pytest.raises(ProblemError, match=message) as raised:
        config_of(tmp_path, text)
    assert "problem.yaml" in str(raised.value)


def test_a_faulty_time_limit_file_is_named(tmp_path):
    with pytest.raises(ProblemError, match=r"\.timelimit: the time limit is 'two'"):
        config_of(tmp_path, "name: A\n", timelimit="two")
    with pytest.raises(ProblemError, match="time_limit is -1"):
        config_of(tmp_path, "name: A\n", timelimit="-1")


@pytest.mark.parametrize(
    ("source", "expected"),
    [("A Contest", "A Contest"), ("{url: u}", "u"), ("[A, {name: B}]", "A, B"), ("[]", None), ("", None)],
)
def test_source(tmp_path, source, expected):
    assert config_of(tmp_path, f"name: A\nsource: {source}\n").source == expected


def test_a_date_may_be_a_text_or_a_time(tmp_path):
    assert config_of(tmp_path, "name: A\ndate: '2024-02-29'\n").date == datetime.date(2024, 2, 29)
    assert config_of(tmp_path, "name: A\ndate: 2024-02-29 10:00:00\n").date == datetime.date(2024, 2, 29)


def test_a_mapping_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ProblemError, match=r"problem\.yaml: is not valid YAML"):
        read_mapping(path)


def test_flag_words(tmp_path):
    assert flag_words(tmp_path, "flags", "a  b") == ("a", "b")
    assert flag_words(tmp_path, "flags", ["a", 1]) == ("a", "1")
    assert flag_words(tmp_path, "flags", None) == ()
