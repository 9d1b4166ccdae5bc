from __future__ import annotations

import pytest

from sampler.report.programs import PAGE_PROGRAMS, distinct_programs, groups_per_problem


def test_groups_by_program_and_verdict_accepted_first_then_by_count(make_run, sample, problem):
    samples = [
        sample("a", 0, "WA", program="w1"),
        sample("a", 1, "AC", program="good"),
        sample("a", 2, "WA", program="w2"),
        sample("a", 3, "WA", program="w2"),
        sample("a", 4, "TLE", program="w2"),
        sample("a", 5, None, program="w2"),
        sample("b", 0, "AC", program="good"),
    ]
    found = distinct_programs(make_run([problem("a"), problem("b")], samples), ["a", "b"], 10)
    shown = [(group.text, group.verdict, group.sample_indices) for group in found["a"].groups]
    assert shown == [
        ("good", "AC", [1]),
        ("w2", "WA", [2, 3]),
        ("w1", "WA", [0]),
        ("w2", "TLE", [4]),
        ("w2", None, [5]),
    ]
    assert found["a"].groups[4].judgement == {}
    assert found["b"].groups[0].judgement["problem_id"] == "b"
    assert (found["a"].hidden_groups, found["a"].hidden_samples) == (0, 0)


def test_says_what_is_not_shown(make_run, sample, problem):
    samples = [sample("a", i, "WA", program=f"p{min(i, 3)}") for i in range(8)]
    found = distinct_programs(make_run([problem("a")], samples), ["a"], 2)["a"]
    assert [group.text for group in found.groups] == ["p3", "p0"]
    assert (found.hidden_groups, found.hidden_samples) == (2, 2)


def test_completions_without_a_program_are_grouped_by_their_text(make_run, sample, problem):
    samples = [
        sample("a", 0, "NO_CODE", program=None, text="same"),
        sample("a", 1, "NO_CODE", program=None, text="same"),
        sample("a", 2, "NO_CODE", program=None, text="other"),
        sample("a", 3, "WA", program="same", text="```same"),
    ]
    groups = distinct_programs(make_run([problem("a")], samples), ["a"], 10)["a"].groups
    assert [(group.text, group.sample_indices) for group in groups] == [
        ("same", [0, 1]),
        ("other", [2]),
        ("same", [3]),
    ]


def test_a_problem_without_samples_has_no_groups(make_run, problem):
    found = distinct_programs(make_run([problem("a")], []), ["a"], 10)["a"]
    assert found.groups == []


def test_lone_surrogates_tell_programs_apart(make_run, sample, problem):
    samples = [sample("a", 0, program="\ud800"), sample("a", 1, program="\ud801")]
    groups = distinct_programs(make_run([problem("a")], samples), ["a"], 10)["a"].groups
    assert [group.text for group in groups] == ["\ud800", "\ud801"]


@pytest.mark.parametrize(
    ("setting", "problems", "most"),
    [(50, 58, 50), (50, 0, 50), (50, 1000, PAGE_PROGRAMS // 1000), (50, 10**6, 1)],
)
def test_the_page_stays_of_a_size(setting, problems, most):
    assert groups_per_problem(setting, problems) == most
