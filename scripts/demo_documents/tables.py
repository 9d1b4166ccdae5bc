"""Problems over tables of integers, queries on a list, and two lists side by side; they reuse the number blocks."""

# ruff: noqa: E501 - a table is read best with one row a line
from __future__ import annotations

import random
from dataclasses import dataclass

from demo_documents import numbers
from demo_documents.blocks import Filter, Map, Reduce
from demo_documents.held_out import is_held_out
from demo_documents.programs import (
    Chosen,
    Style,
    indented,
    print_value,
    program_text,
    reduce_lines,
    step_lines,
)
from demo_documents.sources import ITEMS
from demo_documents.specification import Specification, statement_text
from demo_documents.titles import draw_title

_PLAIN_REDUCES = tuple(r for r in numbers.REDUCES if not r.verdict and not r.constants)
_ROW_REDUCES = tuple(
    r
    for r in _PLAIN_REDUCES
    if r.name in ["sum", "max", "min", "range", "ends_sum", "count", "distinct_count", "first", "last"]
)
_ROW_STEPS = (*numbers.FILTERS, *numbers.MAPS)
_SAFE_REDUCES = tuple(r for r in _ROW_REDUCES if r.empty)
_NOUN_OF_ROWS = "the results of all rows"


def _constant(rng: random.Random, constants: tuple[int, ...]) -> str:
    return str(rng.choice(constants)) if constants else ""


def _pick(rng: random.Random, choices: tuple[Reduce, ...]) -> Reduce:
    return rng.choice(choices)


def _step_phrase(rng: random.Random, chosen: Chosen, phrase: str) -> str:
    step = chosen.step
    if isinstance(step, Filter):
        return f"{phrase} that {chosen.fill(rng.choice(step.that))}"
    assert isinstance(step, Map)
    return chosen.fill(rng.choice(step.nouns), of=phrase)


def draw_grid(rng: random.Random) -> Specification:
    """A value of every row (perhaps after a step), then all of them or one value of them."""
    while True:
        step = rng.choice(_ROW_STEPS) if rng.random() < 0.5 else None
        row = _pick(rng, _SAFE_REDUCES if isinstance(step, Filter) else _ROW_REDUCES)
        whole = _pick(rng, _PLAIN_REDUCES[:12]) if rng.random() < 0.6 else None
        names = tuple(block.name for block in (step, row, whole) if block)
        if not is_held_out(names):
            break
    chosen = Chosen(step, _constant(rng, step.constants)) if step else None
    item = rng.choice(ITEMS[:4])
    phrase = _step_phrase(rng, chosen, f"its {item[0]}") if chosen else f"its {item[0]}"
    row_noun = rng.choice(row.nouns).format(of=phrase)
    whole_noun = rng.choice(whole.nouns).format(of="these results") if whole else "all results, one per line"
    task = rng.choice(
        (
            f"A table has n rows of m {item[0]}. For every row, find {row_noun}. Print {whole_noun}.",
            f"You are given a table with n rows and m columns. Compute, for each row, {row_noun}; then print {whole_noun}.",
            f"There is a grid of {item[0]}. Take {row_noun} for each of its rows, and print {whole_noun}.",
        )
    )
    given = "The first line contains two integers n and m. Each of the next n lines contains m integers, a row of the table."
    wanted = "Print one integer." if whole else "Print n lines with one integer each."
    statement = statement_text(task, given, wanted, "1 <= n, m <= 50; every value is between 0 and 99")
    program = _grid_program(rng, chosen, row, whole)
    inputs = tuple(_grid_input(rng) for _ in range(2))
    return Specification("grid", ("rows", *names), draw_title(rng), statement, program, inputs)


def _grid_program(rng: random.Random, chosen: Chosen | None, row: Reduce, whole: Reduce | None) -> str:
    style = Style.draw(rng)
    style = Style({**style.lists, "number": "row"}, style.loops, style.fused, style.explicit, style.main)
    steps, _ = step_lines(rng, style, (chosen,) if chosen else (), "number")
    setup, value = reduce_lines(rng, style, "number", row, "")
    body = ["row = list(map(int, input().split()))", *steps, *setup]
    lines = ["n, m = map(int, input().split())"]
    if whole is None:
        return program_text(style, [*lines, "for _ in range(n):", *indented([*body, f"print({value})"])])
    lines += ["results = []", "for _ in range(n):", *indented([*body, f"results.append({value})"])]
    setup, value = reduce_lines(rng, style, "number", whole, "", target="results")
    return program_text(style, [*lines, *setup, f"print({value})"])


def _grid_input(rng: random.Random) -> str:
    n, m = rng.randint(2, 4), rng.randint(2, 4)
    rows = [" ".join(str(rng.randint(0, rng.choice((9, 30, 99)))) for _ in range(m)) for _ in range(n)]
    return "\n".join((f"{n} {m}", *rows)) + "\n"


@dataclass(frozen=True)
class _Query:
    """What a query asks; `code` is an expression over the list {v} and the query's numbers."""

    name: str
    reads: str  # the variables of a query line
    wordings: tuple[str, ...]
    code: str


_QUERIES = (
    _Query("segment_sum", "l, r", ("the sum of the {items} from position l to position r", "the total of the {items} at positions l to r"), "sum({v}[l - 1:r])"),
    _Query("segment_max", "l, r", ("the largest of the {items} from position l to position r", "the maximum of the {items} at positions l to r"), "max({v}[l - 1:r])"),
    _Query("segment_min", "l, r", ("the smallest of the {items} from position l to position r", "the minimum of the {items} at positions l to r"), "min({v}[l - 1:r])"),
    _Query("segment_even", "l, r", ("the number of even {items} from position l to position r",), "sum(1 for x in {v}[l - 1:r] if x % 2 == 0)"),
    _Query("segment_kinds", "l, r", ("the number of different {items} from position l to position r",), "len(set({v}[l - 1:r]))"),
    _Query("count_equal", "x", ("how many of the {items} are equal to x", "how often x occurs among the {items}"), "{v}.count(x)"),
    _Query("count_below", "x", ("how many of the {items} are less than x", "the number of {items} below x"), "sum(1 for y in {v} if y < x)"),
    _Query("count_above", "x", ("how many of the {items} are greater than x", "the number of {items} above x"), "sum(1 for y in {v} if y > x)"),
    _Query("count_multiples", "x", ("how many of the {items} are divisible by x", "the number of {items} that are multiples of x"), "sum(1 for y in {v} if y % x == 0)"),
    _Query("sum_above", "x", ("the sum of the {items} that are greater than x",), "sum(y for y in {v} if y > x)"),
    _Query("sum_below", "x", ("the sum of the {items} that are less than x",), "sum(y for y in {v} if y < x)"),
    _Query("present", "x", ("YES if x occurs among the {items}, otherwise NO",), '"YES" if x in {v} else "NO"'),
    _Query("nearest", "x", ("the smallest distance between x and one of the {items}",), "min(abs(y - x) for y in {v})"),
)  # fmt: skip


def draw_queries(rng: random.Random) -> Specification:
    """A list and q queries, each answered from scratch."""
    query, (items, _), style = rng.choice(_QUERIES), rng.choice(ITEMS), Style.draw(rng)
    said = rng.choice(query.wordings).format(items=items)
    pair = query.reads == "l, r"
    task = (
        rng.choice(
            (
                f"You are given n {items} and q queries. For each query, print {said}.",
                f"There are n {items}. Answer q questions about them: each asks for {said}.",
                f"A list of n {items} is given, then q queries. The answer to a query is {said}. Print all answers.",
            )
        )
        .replace("asks for YES if", "has the answer YES if")
        .replace("asks for how", "asks how")
    )
    numbers_read = "two integers l and r" if pair else "an integer x"
    given = (
        "The first line contains two integers n and q. The second line contains n integers. "
        f"Each of the next q lines contains {numbers_read}."
    )
    limits = "1 <= n, q <= 500; every value is between 1 and 100; " + (
        "1 <= l <= r <= n" if pair else "1 <= x <= 100"
    )
    statement = statement_text(task, given, "Print q lines: the answers in order.", limits)
    v = style.lists["number"]
    read = "l, r = map(int, input().split())" if pair else "x = int(input())"
    lines = [
        "n, q = map(int, input().split())",
        f"{v} = list(map(int, input().split()))",
        "for _ in range(q):",
    ]
    lines += indented([read, f"print({query.code.format(v=v)})"])
    inputs = tuple(_query_input(rng, pair) for _ in range(2))
    program = program_text(style, lines)
    return Specification("queries", ("queries", query.name), draw_title(rng), statement, program, inputs)


def _query_input(rng: random.Random, pair: bool) -> str:
    n, q = rng.randint(3, 6), rng.randint(2, 4)
    values = [rng.randint(1, rng.choice((9, 20))) for _ in range(n)]
    lines = [f"{n} {q}", " ".join(map(str, values))]
    for _ in range(q):
        bounds = sorted((rng.randint(1, n), rng.randint(1, n)))
        lines.append(f"{bounds[0]} {bounds[1]}" if pair else str(rng.randint(1, 9)))
    return "\n".join(lines) + "\n"


_PAIRINGS = (
    ("pair_sum", ("the sums of the {items} at equal positions", "the sum of each {item} of a and its partner in b"), "[x + y for x, y in zip(a, b)]"),
    ("pair_product", ("the products of the {items} at equal positions",), "[x * y for x, y in zip(a, b)]"),
    ("pair_difference", ("the absolute differences of the {items} at equal positions",), "[abs(x - y) for x, y in zip(a, b)]"),
    ("pair_max", ("the larger one of the two {items} at each position",), "[max(x, y) for x, y in zip(a, b)]"),
    ("pair_min", ("the smaller one of the two {items} at each position",), "[min(x, y) for x, y in zip(a, b)]"),
    ("common", ("the {items} that occur in both lists, in increasing order without repetition",), "sorted(set(a) & set(b))"),
    ("either", ("the {items} that occur in at least one list, in increasing order without repetition",), "sorted(set(a) | set(b))"),
    ("only_first", ("the {items} of a that do not occur in b",), "[x for x in a if x not in b]"),
    ("only_second", ("the {items} of b that do not occur in a",), "[x for x in b if x not in a]"),
    ("merged", ("all {items} of both lists in increasing order",), "sorted(a + b)"),
    ("winners", ("the {items} of a that are larger than their partner in b",), "[x for x, y in zip(a, b) if x > y]"),
    ("interleaved", ("the {items} of both lists in turn, beginning with a",), "[z for pair in zip(a, b) for z in pair]"),
)  # fmt: skip


def draw_two_lists(rng: random.Random) -> Specification:
    """Two lists of n integers, combined; all results or one value of them."""
    name, wordings, code = rng.choice(_PAIRINGS)
    reduce = rng.choice(_ROW_REDUCES) if rng.random() < 0.6 else None
    while reduce and is_held_out((name, reduce.name)):
        reduce = rng.choice(_ROW_REDUCES)
    items, item = rng.choice(ITEMS)
    said = rng.choice(wordings).format(items=items, item=item)
    goal = rng.choice(reduce.nouns).format(of="these") if reduce else "them, separated by spaces"
    task = rng.choice(
        (
            f"You are given two lists a and b of n {items} each. Take {said}. Print {goal}.",
            f"There are two lists, a and b, both with n {items}. Consider {said}, and print {goal}.",
            f"Two lists a and b hold n {items} each. Find {said}; then print {goal}.",
        )
    )
    empty = name in ("common", "only_first", "only_second", "winners")
    missing = "-1" if reduce and not reduce.empty and empty else None
    wanted = "Print one integer." if reduce else "Print the result in one line."
    wanted += " If there is nothing to consider, print -1." if missing else ""
    given = "The first line contains an integer n. The second line contains the n integers of a, the third line those of b."
    statement = statement_text(task, given, wanted, "1 <= n <= 500; every value is between 1 and 100")
    style = Style.draw(rng)
    v = "c" if style.lists["number"] in ("xs", "arr") else "res"
    lines = [
        "n = int(input())",
        "a = list(map(int, input().split()))",
        "b = list(map(int, input().split()))",
        f"{v} = {code}",
    ]
    if reduce is None:
        lines.append(f"print(*{v})")
    else:
        setup, value = reduce_lines(rng, style, "number", reduce, "", target=v)
        lines += print_value(rng, setup, value, v, missing)
    inputs = tuple(_two_lists_input(rng) for _ in range(2))
    operations = (name, reduce.name if reduce else "print")
    return Specification(
        "two-lists", operations, draw_title(rng), statement, program_text(style, lines), inputs
    )


def _two_lists_input(rng: random.Random) -> str:
    n = rng.randint(3, 6)
    rows = (" ".join(str(rng.randint(1, rng.choice((9, 25)))) for _ in range(n)) for _ in range(2))
    return "\n".join((str(n), *rows)) + "\n"
