"""The page in a real browser: what is hostile stays text, what is offered works."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

import pytest

from sampler.config import ReportConfig
from sampler.report import build_report

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ATTACKS = [
    "</script><script>window.attacked = 1</script>",
    "<img src=http://attacker.invalid/x.png onerror='window.attacked = 1'>",
    "<svg/onload=window.attacked=1><style>@import url(http://attacker.invalid/a.css);</style>",
    '--><!-- </pre></details></title></textarea><iframe src="javascript:parent.attacked=1"></iframe>',
    "\"'><a autofocus onfocus=window.attacked=1 href='javascript:window.attacked=1'>x</a>",
    "\u2028window.attacked = 1\u2029\x00\ud800\u202e\x1b[2J" + "unbroken" * 400,
]


@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no {', '.join(BROWSERS)} on PATH; install one, such as by: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, and everything that it tried or complained of."""

    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_report(browser):
    contexts = []

    def open_it(url, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
        opened.page.goto(url)
        return opened

    yield open_it
    for context in contexts:
        context.close()


def built(run):
    build_report(run.path, ReportConfig(resamples=100))
    return (run.report / "index.html").as_uri()


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory, write_run, sample, problem):
    everything = "".join(ATTACKS)
    detail = dict.fromkeys(("name", "input", "expected", "actual", "stderr", "message"), everything)
    problems = [problem(everything, everything, title=everything, tags=ATTACKS), problem("b", "easy")]
    samples = [
        *(sample(everything, i, "AC", program=attack) for i, attack in enumerate(ATTACKS)),
        *(sample("b", i, "WA", program=attack, detail=detail) for i, attack in enumerate(ATTACKS)),
        sample("b", 6, "NO_CODE", program=None, text=everything, finish_reason=everything),
        sample("b", 7, "INTERNAL_ERROR", program="x", detail=detail),
    ]
    manifest = {"model": {"name": everything}, "problem_set": {"spec": everything}, "created_at": everything}
    path = tmp_path_factory.mktemp("hostile") / "run"
    return built(write_run(path, problems, samples, 9, config={everything: everything}, **manifest))


@pytest.fixture(scope="module")
def plain_report(tmp_path_factory, write_run, sample, problem):
    rated = {"pear": ("easy", 3), "apple": ("hard", 1), "fig": ("medium", 4), "plum": ("easy", 0)}
    samples = [
        sample(name, i, "AC" if i < right else "WA", program=f"print({i})")
        for name, (_, right) in rated.items()
        for i in range(4)
    ]
    problems = [
        problem(name, difficulty, title=name.title(), tags=[f"tag-{name[0]}"])
        for name, (difficulty, _) in rated.items()
    ]
    path = tmp_path_factory.mktemp("plain") / "run"
    return built(write_run(path, problems, samples, model={"name": "demo"}, problem_set={"spec": "fruit"}))


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


def shown_problems(page):
    return page.locator("#problems tbody tr:visible th").all_inner_texts()


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_shows_as_text_and_does_nothing(open_report, hostile_report, width):
    opened = open_report(hostile_report, width)
    page = opened.page
    open_all(page)
    listings = [text.removesuffix("\n") for text in page.locator("pre").all_text_contents()]
    for attack in ATTACKS[:-1]:
        assert listings.count(attack) == 2
    assert sum("␀⟨U+D800⟩⟨U+202E⟩␛[2J" in text for text in listings) == 2 + 1 + 7 * 4
    for link in page.locator("a[href^='#']").all()[:8]:
        link.evaluate("link => link.click()")
    page.keyboard.press("Tab")
    page.wait_for_timeout(100)
    assert page.evaluate("window.attacked") is None
    assert page.locator("img, iframe, object, embed, link, base").count() == 0
    assert opened.requests == [page.url.split("#")[0]]
    assert opened.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_fits_its_window_in_both_schemes(open_report, plain_report, width, scheme):
    opened = open_report(plain_report, width, color_scheme=scheme)
    open_all(opened.page)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    dark = opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")
    assert opened.complaints == []


def test_prints_in_light_colours_without_controls(open_report, plain_report):
    page = open_report(plain_report, color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not page.locator("#problems .tools").is_visible()


def test_style_script_and_chart_are_let_in_by_the_policy(open_report, plain_report):
    page = open_report(plain_report).page
    accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()")
    assert accent == "#0b5cad"
    stroke = page.evaluate("getComputedStyle(document.querySelector('.curve .stroke-accent')).stroke")
    assert stroke == "rgb(11, 92, 173)"
    assert page.locator("svg.curve").bounding_box()["height"] > 200


def test_the_policy_stops_what_escaping_might_miss(open_report, plain_report):
    opened = open_report(plain_report)
    opened.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.attacked = 1";
            document.body.append(script);
            document.body.setAttribute("onclick", "window.attacked = 1");
            document.body.click();
            document.body.append(Object.assign(new Image(), { src: "http://attacker.invalid/x.png" }));
        }"""
    )
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.attacked") is None
    assert len(opened.complaints) == 3
    assert all("Content Security Policy" in complaint for complaint in opened.complaints)


@pytest.mark.parametrize(
    ("column", "clicks", "order"),
    [
        ("problem", 1, ["Apple", "Fig", "Pear", "Plum"]),
        ("problem", 2, ["Plum", "Pear", "Fig", "Apple"]),
        ("accepted", 1, ["Fig", "Pear", "Apple", "Plum"]),
        ("accepted", 2, ["Plum", "Apple", "Pear", "Fig"]),
        ("difficulty", 1, ["Pear", "Plum", "Fig", "Apple"]),
        ("pass@1", 1, ["Fig", "Pear", "Apple", "Plum"]),
    ],
)
def test_sorts_by_a_click_on_a_header(open_report, plain_report, column, clicks, order):
    page = open_report(plain_report).page
    button = page.locator("#problems thead").get_by_role("button", name=column, exact=True)
    for _ in range(clicks):
        button.press("Enter")  # the keyboard reaches it too
    assert shown_problems(page) == order
    assert page.locator("#problems th[aria-sort]").count() == 1


def test_filters_by_text_and_difficulty(open_report, plain_report):
    page = open_report(plain_report).page
    page.get_by_label("Difficulty", exact=True).select_option(label="easy")
    assert shown_problems(page) == ["Pear", "Plum"]
    page.get_by_label("Title, id or tag contains").fill("TAG-P lu")
    assert shown_problems(page) == ["Plum"]
    assert page.locator("details.problem:visible").count() == 1
    assert page.locator("#problems output").inner_text().startswith("1 of 4 problems shown")
    page.get_by_label("Title, id or tag contains").fill("")
    page.get_by_label("Difficulty", exact=True).select_option(label="any")
    assert len(shown_problems(page)) == 4
    assert page.locator("#problems output").inner_text() == ""


def test_a_link_in_the_table_opens_the_programs(open_report, plain_report):
    page = open_report(plain_report).page
    assert not page.get_by_text("print(2)").first.is_visible()
    page.get_by_role("link", name="Apple").click()
    page.locator("#programs-2[open]").wait_for()
    assert page.locator("#programs-2 .program").count() == 4


def test_is_complete_without_script(open_report, plain_report):
    page = open_report(plain_report, java_script_enabled=False).page
    assert shown_problems(page) == ["Pear", "Apple", "Fig", "Plum"]
    assert not page.locator("#problems .tools").is_visible()
    page.locator("#programs-1 > summary").click()
    assert page.locator("#programs-1 pre").first.is_visible()
