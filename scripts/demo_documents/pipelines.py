"""Pipelines: a source of data, up to three steps, then a printed value or list. The largest family."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from demo_documents import numbers, sources, words
from demo_documents.blocks import Filter, Kind, Map, Rearrange, Reduce, Step
from demo_documents.held_out import is_held_out
from demo_documents.programs import (
    Chosen,
    Style,
    first_mostly,
    indented,
    print_value,
    print_verdict,
    program_text,
    reduce_lines,
    step_lines,
)
from demo_documents.sources import Range, Source
from demo_documents.specification import Specification, statement_text
from demo_documents.titles import draw_person, draw_title
from demo_documents.wording import Subject, assemble, noun_chain, step_clauses

VERDICTS = (("YES", "NO"), ("yes", "no"), ("Yes", "No"), ("TRUE", "FALSE"), ("OK", "FAIL"))
_MISSING = ("-1", "0", "NONE", "EMPTY")
_RANGES = (Range(1, 9), Range(1, 30), Range(1, 99), Range(-20, 20), Range(-50, 50), Range(0, 150))
_SHRINKING = frozenset(
    ["once", "skip_few", "even_places", "differences", "neighbour_sums", "rises", "first_few", "last_few"]
)  # may leave nothing
_CASED = frozenset(["digits", "letters", "capitals", "small", "upper", "lower", "swapped"])
_LOWER_ONLY = frozenset(["vowels", "consonants", "starred", "before_m", "not_a", "mirrored"])
_BLOCKS: dict[Kind, tuple[tuple[Step, ...], tuple[Reduce, ...]]] = {
    "number": ((*numbers.FILTERS, *numbers.MAPS, *numbers.REARRANGES), numbers.REDUCES),
    "word": ((*words.WORD_FILTERS, *words.WORD_MAPS, *words.WORD_REARRANGES), words.WORD_REDUCES),
    "letter": ((*words.LETTER_FILTERS, *words.LETTER_MAPS, *words.LETTER_REARRANGES), words.LETTER_REDUCES),
}
# Drawn more often than the rest: a small model learns nothing that it sees a few times only.
_COMMON = frozenset({
    "even", "odd", "positive", "negative", "multiple", "above", "below", "at_least", "at_most",
    "single_digit", "prime", "mirror", "squared", "doubled", "plus", "minus", "times", "modulo",
    "digit_sum", "digit_count", "absolute", "halved", "sorted", "descending", "reversed",
    "distinct", "unique_sorted", "first_few", "rotated", "by_absolute", "neighbour_sums", "sum",
    "count", "max", "min", "range", "mean", "median", "distinct_count", "xor", "first", "last", "is_sorted",
    "all_distinct", "exact_length", "longer", "vowel_start", "finals", "initials", "prefixes",
    "lengths", "backwards", "upper_words", "alphabetical", "word_count", "longest",
    "total_length", "vowels", "consonants", "digits", "capitals", "upper", "string_reversed",
    "string_sorted", "repeated", "string_length", "different_letters", "letters_distinct",
    "is_palindrome",
})  # fmt: skip
_COMMON_WEIGHT = 4
# Drawn nearly always in the last phase of the training: what a small model is to do well at last.
_FOCUS = frozenset({
    "by_absolute", "doubled", "even", "odd", "halved", "above", "below", "at_least", "at_most",
    "positive", "negative", "rotated", "minus", "plus", "times", "unique_sorted", "digit_count",
    "digit_sum", "mirror", "neighbour_sums", "prime", "modulo", "descending", "sorted", "reversed",
    "squared", "absolute", "single_digit", "multiple", "sum", "count", "max", "min", "range", "mean",
    "median", "xor", "distinct_count", "first", "last", "exact_length", "longer", "vowel_start",
    "finals", "initials", "prefixes", "lengths", "alphabetical", "upper_words", "word_count", "longest",
    "shortest", "vowels", "consonants", "digits", "letters", "upper", "lower", "string_reversed",
    "string_length", "different_letters", "letters_distinct", "is_palindrome",
})  # fmt: skip
_FOCUS_WEIGHT = 24
_GROUPS: tuple[type[Filter] | type[Map] | type[Rearrange], ...] = (Filter, Map, Rearrange)


@dataclass(frozen=True)
class Plan:
    """What a pipeline does. `reduce` None prints the whole list."""

    source: Source
    steps: tuple[Chosen, ...]
    reduce: Reduce | None
    constant: str  # the reduction's
    kind: Kind  # of what the steps leave
    cases: bool  # several test cases in one input

    @property
    def reads_k(self) -> bool:
        """Whether the program reads k."""
        return self.constant == "k" or any(chosen.constant == "k" for chosen in self.steps)

    @property
    def operations(self) -> tuple[str, ...]:
        """The blocks' names."""
        return (*(chosen.step.name for chosen in self.steps), self.reduce.name if self.reduce else "print")

    @property
    def may_be_empty(self) -> bool:
        """Whether the steps may leave nothing."""
        return any(isinstance(c.step, Filter) or c.step.name in _SHRINKING for c in self.steps)


def draw_pipeline(
    rng: random.Random, kind: Kind, most_steps: int = 3, focused: bool = False
) -> Specification:
    """A pipeline problem over elements of `kind`; combinations held out are never drawn."""
    plan = _draw_plan(rng, kind, most_steps, focused)
    while is_held_out(plan.operations) or _clashes(plan):
        plan = _draw_plan(rng, kind, most_steps, focused)
    return _specify(rng, plan)


def _draw_plan(rng: random.Random, kind: Kind, most_steps: int, focused: bool) -> Plan:
    steps: list[Chosen] = []
    current, k_free = kind, rng.random() < 0.3
    for _ in range(rng.choices((0, 1, 2, 3)[: most_steps + 1], (14, 42, 32, 12)[: most_steps + 1])[0]):
        group = rng.choice(_GROUPS)
        blocks = [b for b in _BLOCKS[current][0] if isinstance(b, group) and all(b != c.step for c in steps)]
        step = rng.choices(blocks, [_weight(block, focused) for block in blocks])[0]
        constant, k_free = _constant(rng, step.constants, k_free)
        steps.append(Chosen(step, constant))
        if isinstance(step, Map):
            current = step.gives
    reduces = _BLOCKS[current][1]
    drawn = rng.choices(reduces, [_weight(block, focused) for block in reduces])[0]
    reduce = drawn if not steps or rng.random() < 0.7 else None
    constant, _ = _constant(rng, reduce.constants if reduce else (), k_free)
    source = _draw_source(rng, kind, steps)
    cases = (
        reduce is not None and rng.random() < 0.12 and source.name in ("counted", "span", "string", "digits")
    )
    plan = Plan(source, tuple(steps), reduce, constant, current, cases)
    return Plan(source, tuple(steps), reduce, constant, current, cases and not plan.reads_k)


def _weight(block: Step | Reduce, focused: bool) -> int:
    if focused and block.name in _FOCUS:
        return _FOCUS_WEIGHT
    return _COMMON_WEIGHT if block.name in _COMMON else 1


def _constant(rng: random.Random, constants: tuple[int, ...], k_free: bool) -> tuple[str, bool]:
    if not constants:
        return "", k_free
    return ("k", False) if k_free else (str(rng.choice(constants)), False)


def _draw_source(rng: random.Random, kind: Kind, steps: Sequence[Chosen]) -> Source:
    if kind == "number":
        return rng.choices(sources.NUMBER_SOURCES, (40, 16, 16, 8, 7, 8, 5))[0]
    if kind == "word":
        return rng.choice(sources.WORD_SOURCES)
    names = {chosen.step.name for chosen in steps}
    return sources.MIXED_SOURCE if names & _CASED else sources.LOWER_SOURCE


def _clashes(plan: Plan) -> bool:
    names = set(plan.operations)
    mixed = plan.source is sources.MIXED_SOURCE and bool(names & _LOWER_ONLY)
    plain = plan.source.name in ("upto", "span", "divisors", "digits") and bool(
        names & {"negative", "absolute", "positive"}
    )
    return mixed or plain


def _specify(rng: random.Random, plan: Plan) -> Specification:
    subject = Subject.draw(rng, plan.source)
    yes, no = rng.choice(VERDICTS)
    missing = rng.choice(_MISSING) if plan.reduce and not plan.reduce.empty and plan.may_be_empty else None
    layout = rng.choice(("spaces", "spaces", "lines")) if plan.kind != "letter" else "string"
    bounds = rng.choice(_RANGES)
    statement = _statement(rng, plan, subject, bounds, (yes, no), missing, layout)
    literal = missing if missing is None or missing.lstrip("-").isdigit() else f'"{missing}"'
    program = _program(rng, plan, (yes, no), literal, layout)
    inputs = tuple(_input_text(rng, plan, bounds) for _ in range(2))
    return Specification(
        f"pipeline-{plan.source.kind}", plan.operations, draw_title(rng), statement, program, inputs
    )


def _statement(
    rng: random.Random,
    plan: Plan,
    subject: Subject,
    bounds: Range,
    verdict: tuple[str, str],
    missing: str | None,
    layout: str,
) -> str:
    clauses, of = step_clauses(rng, plan.steps, subject)
    chained = noun_chain(rng, plan.steps, subject)
    if chained and rng.random() < 0.35:
        clauses, of = [], chained
    if plan.reduce is None:
        goal = {
            "spaces": f"{of}, separated by spaces",
            "lines": f"{of}, one per line",
            "string": "the resulting string",
        }[layout]
    else:
        goal = rng.choice(plan.reduce.nouns).format(of=of, c=plan.constant)
    task = assemble(rng, subject.intro(rng, draw_person(rng)), clauses, goal)
    wanted = _wanted(rng, plan, verdict, missing, layout)
    given = subject.fill(rng.choice(plan.source.inputs_k if plan.reads_k else plan.source.inputs))
    if plan.cases:
        given = rng.choice(
            (
                f"The first line contains t, the number of test cases. For each test case: {given}",
                f"First comes the number t of test cases. Each of them looks as follows: {given}",
            )
        )
        wanted = f"For each test case, on a line of its own: {wanted}"
    limits = subject.fill(plan.source.constraint, low=str(bounds.low), high=str(bounds.high))
    limits += "; 1 <= k <= 20" if plan.reads_k else ""
    return statement_text(task, given, wanted, limits + ("; 1 <= t <= 100" if plan.cases else ""))


def _wanted(
    rng: random.Random, plan: Plan, verdict: tuple[str, str], missing: str | None, layout: str
) -> str:
    if plan.reduce is None:
        return {
            "spaces": "Print the result in one line, separated by spaces.",
            "lines": "Print the result, one per line.",
            "string": "Print the resulting string.",
        }[layout]
    if plan.reduce.verdict:
        yes, no = verdict
        return rng.choice(
            (f"Print {yes} if so, otherwise {no}.", f"Print {yes} or {no}.", f"Answer with {yes} or {no}.")
        )
    single = {"number": "one integer", "word": "one word", "letter": "one character"}[plan.reduce.gives]
    text = rng.choice((f"Print {single}.", "Print the answer.", f"Output {single}."))
    if missing is not None:
        text += rng.choice(
            (
                f" If nothing is left, print {missing}.",
                f" Print {missing} if nothing remains.",
                f" If there are none, print {missing} instead.",
            )
        )
    return text


def _program(
    rng: random.Random, plan: Plan, verdict: tuple[str, str], missing: str | None, layout: str
) -> str:
    style = Style.draw(rng)
    name = style.lists[plan.source.kind]
    reads = plan.source.reads_k if plan.reads_k else plan.source.reads
    if plan.cases:
        reads = tuple(read for read in reads if "sys." not in read)
    lines = first_mostly(rng, reads).format(v=name).split("\n")
    more, kind = step_lines(rng, style, plan.steps, plan.source.kind)
    lines += more
    if plan.reduce is None:
        lines += _print_all(rng, style, kind, layout)
    else:
        setup, expression = reduce_lines(rng, style, kind, plan.reduce, plan.constant)
        if plan.reduce.verdict:
            lines += print_verdict(rng, setup, expression, *verdict)
        else:
            lines += print_value(rng, setup, expression, style.lists[kind], missing)
    if plan.cases:
        lines = ["t = int(input())", "for _ in range(t):", *indented(lines)]
    return program_text(style, lines)


def _print_all(rng: random.Random, style: Style, kind: Kind, layout: str) -> list[str]:
    name, x = style.lists[kind], style.loops[kind]
    if layout == "string":
        return [f"print({name})"]
    if layout == "spaces":
        joined = f'print(" ".join({name}))' if kind == "word" else f'print(" ".join(map(str, {name})))'
        return [rng.choice((f"print(*{name})", f"print(*{name})", joined))]
    return rng.choice(([f"for {x} in {name}:", f"    print({x})"], [f'print(*{name}, sep="\\n")']))


def _input_text(rng: random.Random, plan: Plan, bounds: Range) -> str:
    if plan.cases:
        count = rng.randint(2, 3)
        lines = [str(count)]
        for _ in range(count):
            lines += plan.source.draw(rng, bounds, rng.randint(2, 5))
        return "\n".join(lines) + "\n"
    lines = plan.source.draw(rng, bounds, rng.randint(3, 6))
    if plan.reads_k:
        k = _draw_k(rng, plan)
        lines = [f"{lines[0]} {k}", *lines[1:]] if plan.source.k_joined else [str(k), *lines]
    return "\n".join(lines) + "\n"


def _draw_k(rng: random.Random, plan: Plan) -> int:
    constants = plan.reduce.constants if plan.constant == "k" and plan.reduce else ()
    for chosen in plan.steps:
        if chosen.constant == "k":
            constants = chosen.step.constants
    return rng.choice(constants)
