"""Python programs in varied styles, written from blocks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from demo_documents.blocks import Filter, Kind, Map, Rearrange, Reduce, Step

_LIST_NAMES = {
    "number": ("nums", "values", "arr", "xs"),
    "word": ("words", "names", "ws"),
    "letter": ("s", "text"),
}
_LOOP_NAMES = {"number": ("x", "v", "y"), "word": ("w", "word"), "letter": ("c", "ch")}


@dataclass(frozen=True)
class Style:
    """How a program is written. Variable names are given for each kind of element."""

    lists: dict[Kind, str]
    loops: dict[Kind, str]
    fused: bool  # a filter and the map after it in one comprehension
    explicit: bool  # filters and maps of lists as for loops
    main: bool  # all in a function main()

    @classmethod
    def draw(cls, rng: random.Random) -> Style:
        """A style at random; most programs are straight scripts with comprehensions."""
        kinds: tuple[Kind, ...] = ("number", "word", "letter")
        return cls(
            lists={kind: first_mostly(rng, _LIST_NAMES[kind]) for kind in kinds},
            loops={kind: first_mostly(rng, _LOOP_NAMES[kind]) for kind in kinds},
            fused=rng.random() < 0.2,
            explicit=rng.random() < 0.08,
            main=rng.random() < 0.06,
        )


@dataclass(frozen=True)
class Chosen:
    """A step with its constant as program and statement write it: a number, the letter k, or nothing."""

    step: Step
    constant: str = ""

    def fill(self, template: str, **names: str) -> str:
        """The template with the constant and `names` put in."""
        return template.format(c=self.constant, **names)


def first_mostly(rng: random.Random, choices: Sequence[str]) -> str:
    """The first of `choices` in three cases out of four or more, any of them otherwise."""
    return choices[0] if rng.random() < 0.75 else rng.choice(choices)


def step_lines(
    rng: random.Random, style: Style, steps: Sequence[Chosen], kind: Kind
) -> tuple[list[str], Kind]:
    """The lines that apply the steps to a list of `kind`, and the kind that results."""
    lines: list[str] = []
    position = 0
    while position < len(steps):
        taken = steps[position : position + 2]
        if (
            style.fused
            and len(taken) == 2
            and isinstance(taken[0].step, Filter)
            and isinstance(taken[1].step, Map)
        ):
            line, kind = _comprehension(rng, style, kind, taken[1], taken[0])
            lines.append(line)
            position += 2
            continue
        more, kind = _one_step(rng, style, kind, taken[0])
        lines.extend(more)
        position += 1
    return lines, kind


def _one_step(rng: random.Random, style: Style, kind: Kind, chosen: Chosen) -> tuple[list[str], Kind]:
    step = chosen.step
    if isinstance(step, Rearrange):
        code = chosen.fill(first_mostly(rng, step.codes), v=style.lists[kind], x=style.loops[kind])
        return code.split("\n"), kind
    mapping, test = (chosen, None) if isinstance(step, Map) else (None, chosen)
    if style.explicit and kind != "letter":
        return _loop(rng, style, kind, mapping, test)
    line, kind = _comprehension(rng, style, kind, mapping, test)
    return [line], kind


def _comprehension(
    rng: random.Random, style: Style, kind: Kind, mapping: Chosen | None, test: Chosen | None
) -> tuple[str, Kind]:
    source, x = style.lists[kind], style.loops[kind]
    value, gives = _value(rng, mapping, x, kind)
    condition = f" if {_test(rng, test, x)}" if test else ""
    inner = f"{value} for {x} in {source}{condition}"
    target = style.lists[gives]
    return (f'{target} = "".join({inner})' if gives == "letter" else f"{target} = [{inner}]"), gives


def _loop(
    rng: random.Random, style: Style, kind: Kind, mapping: Chosen | None, test: Chosen | None
) -> tuple[list[str], Kind]:
    x = style.loops[kind]
    value, gives = _value(rng, mapping, x, kind)
    lines = ["res = []", f"for {x} in {style.lists[kind]}:"]
    if test:
        lines += [f"    if {_test(rng, test, x)}:", f"        res.append({value})"]
    else:
        lines += [f"    res.append({value})"]
    return [*lines, f"{style.lists[gives]} = res"], gives


def _value(rng: random.Random, mapping: Chosen | None, x: str, kind: Kind) -> tuple[str, Kind]:
    if mapping is None or not isinstance(mapping.step, Map):
        return x, kind
    return mapping.fill(first_mostly(rng, mapping.step.codes), x=x), mapping.step.gives


def _test(rng: random.Random, test: Chosen, x: str) -> str:
    assert isinstance(test.step, Filter)
    return test.fill(first_mostly(rng, test.step.tests), x=x)


def reduce_lines(
    rng: random.Random, style: Style, kind: Kind, reduce: Reduce, constant: str, target: str | None = None
) -> tuple[list[str], str]:
    """The lines before a reduction's value, and its expression, over `target` or the list of `kind`."""
    code = first_mostly(rng, reduce.codes).format(
        v=target or style.lists[kind], x=style.loops[kind], c=constant
    )
    *lines, expression = code.split("\n")
    return lines, expression


def print_value(
    rng: random.Random, lines: list[str], expression: str, name: str, missing: str | None
) -> list[str]:
    """The lines that print an expression, or `missing` (a Python literal) where the list `name` is empty."""
    if missing is None:
        return [*lines, f"print({expression})"]
    if not lines and rng.random() < 0.2:
        return [f"print({expression} if {name} else {missing})"]
    body = [*lines, f"print({expression})"]
    if rng.random() < 0.3:
        return [f"if not {name}:", f"    print({missing})", "else:", *indented(body)]
    return [f"if {name}:", *indented(body), "else:", f"    print({missing})"]


def print_verdict(rng: random.Random, lines: list[str], condition: str, yes: str, no: str) -> list[str]:
    """The lines that print one of two words."""
    if rng.random() < 0.5:
        return [*lines, f'print("{yes}" if {condition} else "{no}")']
    return [*lines, f"if {condition}:", f'    print("{yes}")', "else:", f'    print("{no}")']


def indented(lines: Sequence[str]) -> list[str]:
    """The lines, one level deeper."""
    return [f"    {line}" for line in lines]


def program_text(style: Style, lines: Sequence[str]) -> str:
    """The whole program: imports it needs, the lines, perhaps in main()."""
    body = "\n".join(lines)
    imports = [f"import {module}" for module in ("math", "sys") if f"{module}." in body]
    head = "\n".join(imports) + "\n\n" if imports else ""
    if not style.main:
        return head + body
    return f"{head}def main():\n" + "\n".join(indented(body.split("\n"))) + "\n\nmain()"
