from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from sampler.report.chart import charted_groups, pass_curve


def figures(*estimates: float | None, spread: float | None = 0.05) -> list[dict[str, Any]]:
    found = []
    for k, estimate in zip((1, 2, 5, 10), estimates, strict=False):
        bounded = spread is not None and estimate is not None
        found.append(
            {
                "k": k,
                "estimate": estimate,
                "low": estimate - spread if bounded else None,
                "high": estimate + spread if bounded else None,
            }
        )
    return found


def summary(*difficulties: str | None, **more: Any) -> dict[str, Any]:
    groups = [{"difficulty": name, "pass_at_k": figures(0.1, 0.2, 0.3)} for name in difficulties]
    return {"pass_at_k": figures(0.2, 0.3, 0.4), "by_difficulty": groups} | more


def test_is_an_svg_without_anything_the_page_forbids():
    svg = pass_curve(summary("easy", "hard"))
    elements = list(ET.fromstring(svg).iter())
    assert elements[0].tag == "{http://www.w3.org/2000/svg}svg"
    assert elements[0].get("aria-label", "").endswith("pass@1 20.0%, pass@2 30.0%, pass@5 40.0%.")
    for element in elements:
        assert "style" not in element.attrib
        assert not element.tag.endswith(("}style", "}script", "}metadata", "}image"))
        assert all(value.startswith("#") for name, value in element.attrib.items() if name.endswith("href"))
        assert all("#0" not in element.get(name, "") for name in ("fill", "stroke"))
    assert "http" not in svg.replace("http://www.w3.org/", "")


def test_text_stays_text_and_takes_its_colours_from_classes():
    svg = pass_curve(summary("easy", "hard"))
    texts = {element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")}
    assert {"1", "2", "5", "100%", "all", "easy", "hard", "pass@k"} <= texts
    for name in ("stroke-accent", "fill-accent", "stroke-series-0", "stroke-series-1", "fill-ink"):
        assert f'"{name}' in svg or f" {name}" in svg
    assert "series-2" not in svg


def test_the_same_figures_give_the_same_bytes():
    assert pass_curve(summary("easy", "hard")) == pass_curve(summary("easy", "hard"))


@pytest.mark.parametrize(
    ("difficulties", "charted"),
    [
        ((), 0),
        (("easy",), 0),
        (("easy", None), 0),
        (("easy", "hard"), 2),
        (("1", "2", "3", "4"), 4),
        (("1", "2", "3", "4", "5"), 0),
    ],
)
def test_lines_only_where_they_can_be_told_apart(difficulties, charted):
    assert len(charted_groups(summary(*difficulties))) == charted


def test_a_difficulty_is_shown_as_it_is():
    svg = pass_curve(summary("$x^2$ <b>", "日\x00\ud800"))
    texts = {element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")}
    assert {"$x^2$ <b>", "日␀⟨U+D800⟩"} <= texts


@pytest.mark.parametrize("found", [figures(0.0, spread=None), figures(1.0, 1.0), figures(0.3, spread=None)])
def test_draws_what_little_there_is(found):
    assert "<path" in pass_curve(summary(pass_at_k=found))


def test_leaves_out_what_is_undefined():
    groups = [
        {"difficulty": "easy", "pass_at_k": figures(None, None)},
        {"difficulty": "medium", "pass_at_k": figures(0.5, None)},
        {"difficulty": "hard", "pass_at_k": figures(0.1, 0.2)},
    ]
    shown = summary(by_difficulty=groups)
    assert [group["difficulty"] for group in charted_groups(shown)] == ["medium", "hard"]
    assert "nan" not in pass_curve(shown).lower()
