from __future__ import annotations

import json

import pytest

from sampler.config import ReportConfig
from sampler.report.summary import headline_ks, summarize

CONFIG = ReportConfig(resamples=200)


@pytest.fixture
def run(make_run, sample, problem):
    """Three problems, four samples each planned; one fault, one unjudged and one undrawn sample."""
    verdicts = {
        ("a", "easy"): ["AC", "AC", "WA", "WA"],
        ("b", "hard"): ["AC", "RE", "INTERNAL_ERROR", "WA"],
        ("c", None): ["WA", "NO_CODE", None],
    }
    return make_run(
        [problem(name, difficulty) for name, difficulty in verdicts],
        [
            sample(name, i, verdict, program=None if verdict == "NO_CODE" else "p")
            for (name, _), found in verdicts.items()
            for i, verdict in enumerate(found)
        ],
        sessions=[
            {"started_at": "x", "ended_at": None, "seconds": 2.0, "new_tokens": 40, "prefilled_tokens": 60},
            {"started_at": "y", "ended_at": "z", "seconds": 3.0, "new_tokens": 37, "prefilled_tokens": 9},
        ],
        model={"name": "demo", "parameters": 5},
        dtype="float32",
    )


def test_figures(run):
    summary = summarize(run, CONFIG)
    assert [(f["k"], f["problems"]) for f in summary["pass_at_k"]] == [(1, 3), (2, 3), (4, 1)]
    by_k = {figure["k"]: figure for figure in summary["pass_at_k"]}
    assert by_k[1]["estimate"] == pytest.approx((2 / 4 + 1 / 3 + 0) / 3)
    assert by_k[2]["estimate"] == pytest.approx((5 / 6 + 2 / 3 + 0) / 3)
    assert by_k[4] == {
        "k": 4,
        "estimate": 1.0,
        "low": None,
        "high": None,
        "confidence": 0.95,
        "problems": 1,
    }
    assert 0.0 <= by_k[1]["low"] < by_k[1]["estimate"] < by_k[1]["high"] <= 0.5


def test_counts(run):
    summary = summarize(run, CONFIG)
    assert (summary["problems"], summary["solved"], summary["complete"]) == (3, 2, False)
    assert summary["samples"] == {"per_problem": 4, "planned": 12, "drawn": 11, "judged": 10}
    assert summary["n"] == {"min": 2, "max": 4}
    assert summary["verdicts"] == {"AC": 3, "WA": 4, "RE": 1, "NO_CODE": 1, "INTERNAL_ERROR": 1}
    assert list(summary["verdicts"]) == ["AC", "WA", "RE", "NO_CODE", "INTERNAL_ERROR"]
    assert summary["finish_reasons"] == {"stop": 11}
    assert summary["extraction_rules"] == {"fence": 10, "none": 1}


def test_what_is_missing_is_said(run):
    summary = summarize(run, CONFIG)
    assert summary["missing"] == {
        "not_drawn": 1,
        "not_judged": 1,
        "problems": [{"problem_id": "c", "not_drawn": "3", "not_judged": "2"}],
    }
    assert [(f["problem_id"], f["sample_index"], f["attempts"]) for f in summary["faults"]] == [("b", 2, 3)]


def test_tokens(run):
    tokens = summarize(run, CONFIG)["tokens"]
    assert tokens == {
        "prompt_tokens": 1100,
        "shared_prompt_tokens": 990,
        "shared_share": pytest.approx(0.9),
        "prefilled_tokens": 69,
        "new_tokens": 77,
        "sessions": 2,
        "unended_sessions": 1,
        "seconds": 5.0,
        "tokens_per_second": pytest.approx(15.4),
    }


def test_per_problem(run):
    a, b, c = summarize(run, CONFIG)["per_problem"]
    assert a["pass_at_k"] == {"1": 0.5, "2": pytest.approx(5 / 6), "4": 1.0}
    assert a["pass_at_1"] == 0.5
    assert (b["n"], b["c"], b["faults"], b["drawn"]) == (3, 1, 1, 4)
    assert b["pass_at_k"]["4"] is None
    assert c["verdicts"] == {"WA": 1, "NO_CODE": 1}


def test_difficulties_come_in_their_order_with_the_unrated_last(make_run, sample, problem):
    names = [None, "hard", "weird", "easy", "medium"]
    run = make_run([problem(f"p{i}", name) for i, name in enumerate(names)], [sample("p3", 0)])
    groups = summarize(run, CONFIG)["by_difficulty"]
    assert [group["difficulty"] for group in groups] == ["easy", "medium", "hard", "weird", None]
    assert groups[0]["pass_at_k"][0]["estimate"] == 1.0
    assert groups[1]["pass_at_k"][0]["estimate"] is None
    assert groups[1]["pass_at_k"][0]["problems"] == 0


def test_of_an_empty_run(make_run, problem):
    summary = summarize(make_run([problem("a")], [], planned=2), CONFIG)
    assert summary["pass_at_k"] == []
    assert summary["complete"] is False
    assert summary["missing"]["problems"] == [{"problem_id": "a", "not_drawn": "0-1", "not_judged": ""}]
    assert summary["tokens"]["shared_share"] is None
    assert summary["tokens"]["tokens_per_second"] is None


def test_is_plain_json_and_repeats(run):
    summary = summarize(run, CONFIG)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summarize(run, CONFIG) == summary


def test_manifest_excerpts(run):
    summary = summarize(run, CONFIG)
    assert summary["model"] == {"name": "demo", "parameters": 5}
    assert summary["manifest"]["dtype"] == "float32"
    assert "versions" not in summary["manifest"]


@pytest.mark.parametrize(
    ("ks", "few"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2, 5], [1, 5]),
        ([1, 2, 5, 10, 20, 32], [1, 10, 32]),
        ([1, 2, 5, 10], [1, 10]),
    ],
)
def test_headline_ks(ks, few):
    assert headline_ks(ks) == few
