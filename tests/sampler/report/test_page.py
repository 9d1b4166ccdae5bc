from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from sampler.config import ReportConfig
from sampler.report.page import bar_parts, duration, moment, percent, render_page
from sampler.report.programs import distinct_programs
from sampler.report.summary import summarize
from sampler.report.text import visible

HOSTILE = (
    "\n</script><script>alert(1)</script><img src=x onerror=alert(1)><!-- </pre></details> ]]>"
    "\u2028 \x00 \ud800 \x1b[31m \u202e \u2066 &amp; {{ 7 * 7 }} {% raw %} \"' `"
)


class Page(HTMLParser):
    """Collects the elements of a page, and its text per element name."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)
            self.text.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]][-1] += data


def render(run, **config):
    settings = ReportConfig(resamples=50, **config)
    summary = summarize(run, settings)
    ids = [problem["problem_id"] for problem in summary["per_problem"]]
    return render_page(summary, distinct_programs(run, ids, settings.programs_per_problem))


@pytest.fixture
def hostile_page(make_run, sample, problem):
    """Every text that a model, a program or a problem set can put on the page is hostile."""
    detail = dict.fromkeys(("name", "input", "expected", "actual", "stderr", "message"), HOSTILE)
    problems = [problem(HOSTILE, HOSTILE, title=HOSTILE, tags=[HOSTILE]), problem("b", "easy")]
    samples = [
        sample(HOSTILE, 0, "AC", program=HOSTILE),
        sample(HOSTILE, 1, "WA", program="w", detail=detail),
        sample(HOSTILE, 2, "NO_CODE", program=None, text=HOSTILE, finish_reason=HOSTILE),
        sample("b", 0, "INTERNAL_ERROR", detail=detail, extras={"extraction_rule": HOSTILE}),
    ]
    manifest = {
        "model": {"name": HOSTILE, HOSTILE: HOSTILE},
        "problem_set": {"spec": HOSTILE},
        "versions": {HOSTILE: HOSTILE},
        "hardware": {HOSTILE: [HOSTILE]},
        "config": {HOSTILE: HOSTILE},
        "config_digest": HOSTILE,
        "created_at": HOSTILE,
        "sandbox": HOSTILE,
    }
    return render(make_run(problems, samples, **manifest))


def test_hostile_text_is_only_text(hostile_page):
    page = Page(hostile_page)
    names = [name for name, _ in page.elements]
    assert names.count("script") == 1
    assert "img" not in names
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert "49" not in page.text["h1"][0]
    assert page.text["h1"][0].startswith("\n</script>")


def test_hostile_text_is_shown_whole(hostile_page):
    shown = visible(HOSTILE)
    # The parser of HTML drops the first newline in a <pre>, which html.parser leaves to its user.
    listings = [text.removeprefix("\n") for text in Page(hostile_page).text["pre"]]
    assert listings.count(shown) == 6 + 4  # program, completion, four of each of two failures


def test_no_deceptive_character_is_left(hostile_page):
    assert visible(hostile_page) == hostile_page
    assert hostile_page.encode("utf-8")


def test_nothing_is_asked_of_the_network(hostile_page):
    page = Page(hostile_page)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )
    for name, attributes in page.elements:
        assert name not in ("link", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        for key in ("href", "xlink:href"):
            assert (attributes.get(key) or "#").startswith("#")


def test_every_fragment_link_has_its_target(hostile_page):
    elements = Page(hostile_page).elements
    ids = {attributes["id"] for _, attributes in elements if "id" in attributes}
    links = {attributes["href"][1:] for name, attributes in elements if name == "a"}
    assert links <= ids
    assert {"faults", "missing", "programs-1", "programs-2", "main"} <= links


def test_failure_and_raw_completion_are_shown(make_run, sample, problem):
    detail = {
        "name": "secret/2",
        "verdict": "RE",
        "input": "5\n",
        "stderr": "boom",
        "exit_code": 1,
        "message": "m",
    }
    samples = [
        sample("a", 0, "RE", detail=detail),
        sample("a", 1, "NO_CODE", program=None, text="I am not sure."),
        sample("a", 2, "NO_CODE", program=None, text=""),
        sample("a", 3, None, program="unjudged()"),
    ]
    html = render(make_run([problem("a")], samples))
    page = Page(html)
    assert "First failing test <code>secret/2</code>: RE, exit status 1" in html
    assert [text.removeprefix("\n") for text in page.text["pre"]] == [
        "print(1)\n",
        "5\n",
        "boom",
        "I am not sure.",
        "unjudged()",
    ]
    assert "The completion is empty." in html
    assert "not judged" in html


def test_long_text_is_cut_and_the_page_says_so(make_run, sample, problem):
    samples = [sample("a", 0, "WA", program="x" * 20_123, detail={"name": "t", "actual": "y" * 4_007})]
    html = render(make_run([problem("a")], samples, planned=1))
    assert "123 more characters are not shown here" in html
    assert "7 more characters are not shown here" in html
    assert "x" * 20_001 not in html


def test_many_faults_are_listed_in_part_and_the_page_says_so(make_run, sample, problem):
    samples = [sample("a", i, "INTERNAL_ERROR", program=f"{i}") for i in range(60)]
    html = render(make_run([problem("a")], samples, planned=60))
    assert "10 more faults are not shown here; summary.json lists all 60." in html


def test_n_stands_beside_the_figures(make_run, sample, problem):
    samples = [sample("a", 0), sample("a", 1), sample("b", 0, "WA")]
    html = render(make_run([problem("a"), problem("b")], samples, planned=2))
    assert "n = 1 to 2 judged samples per problem" in html
    assert '<td class="num">1 of 2</td>' in html
    assert "figures over different problems do not compare" in html


@pytest.mark.parametrize(("share", "text"), [(None, "–"), (0.0, "0.0%"), (0.4116, "41.2%"), (1.0, "100.0%")])
def test_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.25, "4.2 s"), (59.99, "1 min 00 s"), (187.2, "3 min 07 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("iso", "text"),
    [
        ("2026-05-04T12:00:30+02:00", "2026-05-04 10:00 UTC"),
        ("2026-05-04T10:00:00Z", "2026-05-04 10:00 UTC"),
        ("2026-05-04T10:00:00", "2026-05-04 10:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_moment(iso, text):
    assert moment(iso) == text


def test_bar_parts_fill_the_bar():
    parts = list(bar_parts({"AC": 1, "WA": 3}))
    assert [(p.verdict, p.count, p.start, p.width) for p in parts] == [("AC", 1, 0, 25), ("WA", 3, 25, 75)]
    assert list(bar_parts({})) == []
