from __future__ import annotations

import io

import pytest
from rich.console import Console

from sampler.config import ReportConfig
from sampler.report.summary import summarize
from sampler.report.table import print_summary


def printed(run, width=80):
    text = io.StringIO()
    print_summary(summarize(run, ReportConfig(resamples=100)), Console(file=text, width=width))
    return text.getvalue()


def test_shows_figures_difficulties_and_verdicts(make_run, sample, problem):
    samples = [sample("a", 0), sample("a", 1, "WA"), sample("b", 0, "WA"), sample("b", 1, "RE")]
    text = printed(make_run([problem("a", "easy"), problem("b", "hard")], samples, planned=2))
    lines = [line.split() for line in text.splitlines()]
    assert ["1", "25.0%", "0.0%", "to", "50.0%", "2", "of", "2"] in lines
    assert ["easy", "1", "1", "50.0%", "100.0%"] in lines
    assert ["hard", "1", "0", "0.0%", "0.0%"] in lines
    assert "1 of 2 problems solved; n = 2 judged samples per problem" in text
    assert "verdicts: AC 1  WA 2  RE 1" in text
    assert "UNFINISHED" not in text
    assert "INTERNAL_ERROR" not in text


def test_says_what_is_missing_and_what_failed(make_run, sample, problem):
    detail = {"message": "no \x1b[31m room\nand a trace"}
    samples = [sample("a", 0), sample("a", 1, "INTERNAL_ERROR", detail=detail), sample("a", 2, None)]
    text = " ".join(printed(make_run([problem("a")], samples)).split())
    assert "1 INTERNAL_ERROR: the sampler or the judge failed, not the program; not in n" in text
    assert "the first of them: no ␛[31m room UNFINISHED" in text
    assert "UNFINISHED: of 4 planned samples 1 are not drawn and 1 drawn ones not judged" in text


def test_of_an_empty_run(make_run, problem):
    text = printed(make_run([problem("a")], []))
    assert text.startswith("0 of 1 problems solved; n = 0 judged samples per problem")
    assert "UNFINISHED: of 4" in text


@pytest.mark.parametrize("width", [80, 100])
def test_is_plain_text_within_the_width(make_run, sample, problem, width):
    problems = [problem(f"p{i}", f"difficulty {i} " + "long " * 9) for i in range(3)]
    samples = [sample(f"p{i}", j) for i in range(3) for j in range(100)]
    text = printed(make_run(problems, samples, planned=100), width)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_text_is_no_console_markup(make_run, sample, problem):
    problems = [problem("a", "[red]x[/nope]\x1b[2J"), problem("b", "easy")]
    assert "[red]x[/nope]␛[2J" in printed(make_run(problems, [sample("a", 0)]))
