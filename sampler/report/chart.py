"""The pass@k curve as an SVG that takes its colours from the page.

matplotlib lays the chart out. Its SVG is then rewritten: style attributes, which the page's
Content-Security-Policy forbids, become presentation attributes, and the placeholder colours below become
classes, so that the page's style sheet gives one set of colours for light and one for dark. Text stays text.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sampler.report.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_SIZE_INCHES = (6.4, 3.7)
_FONT_POINTS = 10
# Placeholder colours, each standing for a class of the page's style sheet.
_INK, _FAINT, _ACCENT = "#010101", "#020202", "#030303"
_SERIES = ("#040404", "#050505", "#060606", "#070707")
_CLASSES = {
    _INK: "ink",
    _FAINT: "faint",
    _ACCENT: "accent",
    **{color: f"series-{i}" for i, color in enumerate(_SERIES)},
}
_MARKERS = ("s", "^", "D", "v")  # series differ in shape as well as in colour
_TO_PERCENT = 100.0
_LABEL_CHARS = 12
_LABEL_GAP = 6.5  # percent of the axis: the height of a line of text


@dataclass(frozen=True)
class _EndLabel:
    text: str
    k: int
    percent: float
    color: str


def pass_curve(summary: dict[str, Any]) -> str:
    """The curve over all problems with its interval band, and one line per difficulty, as an `<svg>`.

    Args:
        summary: what `summarize` returns, with at least one figure in `pass_at_k`.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "orchard",  # the same figures give the same bytes
        "font.family": "DejaVu Sans",  # matplotlib's own; only its measures are used
        "font.size": _FONT_POINTS,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's browser has other fonts
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        _draw(axes, summary)
        svg = io.StringIO()
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return _for_page(svg.getvalue(), _description(summary["pass_at_k"]))


def _draw(axes: Axes, summary: dict[str, Any]) -> None:
    figures = summary["pass_at_k"]
    _style_axes(axes, [figure["k"] for figure in figures])
    banded = [figure for figure in figures if figure["low"] is not None]
    axes.fill_between(
        [figure["k"] for figure in banded],
        [_TO_PERCENT * figure["low"] for figure in banded],
        [_TO_PERCENT * figure["high"] for figure in banded],
        color=_ACCENT,
        alpha=0.16,
        linewidth=0,
    )
    labels = [_EndLabel("all", *_points(figures)[-1], _ACCENT)]
    for i, group in enumerate(charted_groups(summary)):
        points = _points(group["pass_at_k"])
        _line(axes, points, _SERIES[i], marker=_MARKERS[i], linewidth=1.2, markersize=4)
        labels.append(_EndLabel(visible(group["difficulty"])[:_LABEL_CHARS], *points[-1], _SERIES[i]))
    _line(axes, _points(figures), _ACCENT, marker="o", linewidth=2.4, markersize=5.5)
    _label_ends(axes, labels)


def charted_groups(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The difficulties that get a line: all of them, or none where they are one or too many to tell apart."""
    groups = [g for g in summary["by_difficulty"] if g["difficulty"] is not None and _points(g["pass_at_k"])]
    return groups if 2 <= len(groups) <= len(_SERIES) else []


def _style_axes(axes: Axes, ks: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.minorticks_off()
    axes.set_xlim(ks[0] / 1.12, ks[-1] * 1.12)
    axes.set_ylim(0, 102)
    axes.set_yticks([0, 20, 40, 60, 80, 100], ["0", "20", "40", "60", "80", "100%"])
    axes.set_xlabel("k, samples per problem (log scale)", color=_INK)
    axes.set_ylabel("pass@k", color=_INK)
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="y", color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)


def _points(figures: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
    """(k, percent) where pass@k is defined."""
    return [(f["k"], _TO_PERCENT * f["estimate"]) for f in figures if f["estimate"] is not None]


def _line(axes: Axes, points: Sequence[tuple[int, float]], color: str, **style: Any) -> None:
    axes.plot([k for k, _ in points], [percent for _, percent in points], color=color, clip_on=False, **style)


def _label_ends(axes: Axes, labels: Sequence[_EndLabel]) -> None:
    """Name each line at its right end, pushing names apart that would overlap."""
    below = -_LABEL_GAP
    for label in sorted(labels, key=lambda label: label.percent):
        below = max(label.percent, below + _LABEL_GAP)
        axes.annotate(
            label.text,
            (label.k, below),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=label.color,
            annotation_clip=False,
            parse_math=False,
        )


def _description(figures: Sequence[dict[str, Any]]) -> str:
    said = ", ".join(f"pass@{f['k']} {_TO_PERCENT * f['estimate']:.1f}%" for f in figures)
    return f"Curve of pass@k over k: {said}."


def _for_page(svg: str, description: str) -> str:
    """The `<svg>` element alone, accessible, scalable, without style attributes or elements."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(svg)  # noqa: S314  # matplotlib wrote it a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}style", "}metadata")):
                parent.remove(child)
    for element in root.iter():
        _style_to_attributes(element)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": description, "stroke-linejoin": "round", "class": "curve"}
    return ET.tostring(root, encoding="unicode")


def _style_to_attributes(element: ET.Element) -> None:
    declarations = re.findall(r"([\w-]+)\s*:\s*([^;]+)", element.attrib.pop("style", ""))
    for name, value in declarations:
        if name == "font":
            element.set("font-size", _font_size(value))
        elif not name.startswith(("font-", "-")) or name == "font-size":
            element.set(name, value.strip())
    classes = []
    for name in ("fill", "stroke"):
        if kind := _CLASSES.get(element.get(name, "")):
            del element.attrib[name]
            classes.append(f"{name}-{kind}")
    if classes:
        element.set("class", " ".join(classes))


def _font_size(shorthand: str) -> str:
    found = re.search(r"[\d.]+px", shorthand)
    return found[0] if found else f"{_FONT_POINTS}px"
