"""Problems over one to three integers, records of names and numbers, and lists of commands."""

# ruff: noqa: E501 - a table is read best with one row a line
from __future__ import annotations

import random
from dataclasses import dataclass

from demo_documents.programs import Style, indented, program_text
from demo_documents.sources import draw_word
from demo_documents.specification import Specification, statement_text
from demo_documents.titles import draw_person, draw_title


@dataclass(frozen=True)
class _Formula:
    """A value of the integers `reads`; `codes` are lines of Python, the last one the printed expression."""

    name: str
    reads: str
    wordings: tuple[str, ...]
    codes: tuple[str, ...]


_FORMULAS = (
    _Formula("gcd", "a b", ("the greatest common divisor of a and b",), ("math.gcd(a, b)",)),
    _Formula("lcm", "a b", ("the least common multiple of a and b",), ("a * b // math.gcd(a, b)",)),
    _Formula("ceiling", "a b", ("a divided by b, rounded up", "the number of boxes of size b needed for a things"), ("(a + b - 1) // b",)),
    _Formula("quotient", "a b", ("the quotient and the remainder of a divided by b, separated by a space",), ('f"{a // b} {a % b}"',)),
    _Formula("power", "a b", ("the last three digits of a to the power b, as a number without leading zeros",), ("pow(a, b, 1000)",)),
    _Formula("gap", "a b", ("the absolute difference of a and b", "the distance between a and b"), ("abs(a - b)",)),
    _Formula("rectangle", "a b", ("the area and the perimeter of a rectangle with sides a and b, separated by a space",), ('f"{a * b} {2 * (a + b)}"',)),
    _Formula("between", "a b", ("the sum of all integers from the smaller to the larger of a and b",), ("sum(range(min(a, b), max(a, b) + 1))",)),
    _Formula("largest3", "a b c", ("the largest of the three integers",), ("max(a, b, c)",)),
    _Formula("middle3", "a b c", ("the middle one of the three integers in sorted order",), ("sorted([a, b, c])[1]",)),
    _Formula("triangle", "a b c", ("YES if there is a triangle with sides a, b and c, otherwise NO",), ('"YES" if a + b > c and a + c > b and b + c > a else "NO"',)),
    _Formula("distinct3", "a b c", ("the number of different values among the three integers",), ("len({a, b, c})",)),
    _Formula("linear", "a b c", ("the value of a times b plus c", "the product of a and b, increased by c"), ("a * b + c",)),
    _Formula("time", "n", ("n minutes as hours and minutes, separated by a colon, without leading zeros",), ('f"{n // 60}:{n % 60}"',)),
    _Formula("factorial", "n", ("the factorial of n modulo 1000007",), ("p = 1\nfor i in range(2, n + 1):\n    p = p * i % 1000007\np",)),
    _Formula("fibonacci", "n", ("the n-th Fibonacci number, where the first two are 1",), ("a, b = 1, 1\nfor _ in range(n - 1):\n    a, b = b, a + b\na",)),
    _Formula("triangular", "n", ("the sum of all integers from 1 to n",), ("n * (n + 1) // 2", "sum(range(1, n + 1))")),
    _Formula("collatz", "n", ("the number of steps to reach 1, when an even n is halved and an odd n becomes 3n + 1 in each step",),
             ("steps = 0\nwhile n != 1:\n    n = n // 2 if n % 2 == 0 else 3 * n + 1\n    steps += 1\nsteps",)),
    _Formula("binary", "n", ("n in binary",), ("bin(n)[2:]", 'format(n, "b")')),
    _Formula("ones", "n", ("the number of ones in the binary form of n",), ('bin(n).count("1")',)),
    _Formula("root", "n", ("the square root of n, rounded down",), ("math.isqrt(n)", "int(n ** 0.5)")),
    _Formula("digital_root", "n", ("the single digit that is left when n is replaced by its digit sum again and again",),
             ("while n > 9:\n    n = sum(int(d) for d in str(n))\nn",)),
    _Formula("parity", "n", ("EVEN if n is even, otherwise ODD",), ('"EVEN" if n % 2 == 0 else "ODD"',)),
    _Formula("sign", "n", ("POSITIVE if n is greater than zero, NEGATIVE if it is less than zero, otherwise ZERO",),
             ('"POSITIVE" if n > 0 else "NEGATIVE" if n < 0 else "ZERO"',)),
    _Formula("leap", "n", ("YES if the year n is a leap year, otherwise NO",), ('"YES" if n % 4 == 0 and n % 100 != 0 or n % 400 == 0 else "NO"',)),
    _Formula("next_multiple", "a b", ("the smallest multiple of b that is at least a",), ("(a + b - 1) // b * b",)),
    _Formula("count_multiples", "a b", ("the number of multiples of b from 1 to a",), ("a // b",)),
    _Formula("remainders", "a b c", ("YES if a and b have the same remainder modulo c, otherwise NO",), ('"YES" if a % c == b % c else "NO"',)),
)  # fmt: skip
_READ_TEXT = {"n": "an integer n", "a b": "two integers a and b", "a b c": "three integers a, b and c"}
_GIVEN = {
    "n": "An integer n is given.",
    "a b": "You are given two integers a and b.",
    "a b c": "You are given three integers a, b and c.",
}


def draw_formula(rng: random.Random) -> Specification:
    """A formula of a few integers, perhaps for several test cases."""
    formula, style, cases = rng.choice(_FORMULAS), Style.draw(rng), rng.random() < 0.3
    said = rng.choice(formula.wordings)
    opening = rng.choice((_GIVEN[formula.reads] + " ", "", f"{draw_person(rng)} likes integers. "))
    task = f"{opening}{rng.choice(('Print', 'Find', 'Compute', 'Your task is to find', 'Output'))} {said}."
    each = f"contains {_READ_TEXT[formula.reads]}."
    given = (
        f"The first line contains t, the number of test cases. Each of the next t lines {each}"
        if cases
        else f"A single line {each}"
    )
    wanted = (
        "For each test case, print the answer on a line of its own."
        if cases
        else rng.choice(("Print the answer.", "Print one line with the answer."))
    )
    statement = statement_text(
        task,
        given,
        wanted,
        "1 <= t <= 100; all integers are between 1 and 100"
        if cases
        else "all integers are between 1 and 100",
    )
    names = formula.reads.split()
    read = f"{', '.join(names)} = map(int, input().split())" if len(names) > 1 else "n = int(input())"
    *setup, expression = rng.choice(formula.codes).split("\n")
    lines = [read, *setup, f"print({expression})"]
    lines = ["t = int(input())", "for _ in range(t):", *indented(lines)] if cases else lines
    inputs = tuple(_formula_input(rng, len(names), cases) for _ in range(2))
    return Specification(
        "formula", (formula.name,), draw_title(rng), statement, program_text(style, lines), inputs
    )


def _formula_input(rng: random.Random, width: int, cases: bool) -> str:
    count = rng.randint(2, 3) if cases else 1
    rows = [
        " ".join(str(rng.randint(1, rng.choice((9, 20, 50)))) for _ in range(width)) for _ in range(count)
    ]
    return "\n".join([str(count), *rows] if cases else rows) + "\n"


_RECORDS = (
    ("best", "the name of the record with the largest {value} (the first one on ties)", "", "max(rows, key=lambda r: r[1])[0]"),
    ("worst", "the name of the record with the smallest {value} (the first one on ties)", "", "min(rows, key=lambda r: r[1])[0]"),
    ("total", "the sum of all {value}s", "", "sum(p for name, p in rows)"),
    ("above", "the names of all records with a {value} greater than {c}, one per line", "for name, p in rows:\n    if p > {c}:\n        print(name)", ""),
    ("below", "the names of all records with a {value} less than {c}, one per line", "for name, p in rows:\n    if p < {c}:\n        print(name)", ""),
    ("ranking", "all names, sorted by {value} from large to small (equal ones in the given order), one per line",
     "rows.sort(key=lambda r: -r[1])\nfor name, p in rows:\n    print(name)", ""),
    ("ascending", "all names, sorted by {value} from small to large (equal ones in the given order), one per line",
     "rows.sort(key=lambda r: r[1])\nfor name, p in rows:\n    print(name)", ""),
    ("alphabet", "the {value}s in the alphabetical order of the names, one per line", "rows.sort()\nfor name, p in rows:\n    print(p)", ""),
    ("count_above", "the number of records with a {value} of at least {c}", "", "sum(1 for name, p in rows if p >= {c})"),
    ("sum_above", "the sum of the {value}s that are greater than {c}", "", "sum(p for name, p in rows if p > {c})"),
)  # fmt: skip


def draw_records(rng: random.Random) -> Specification:
    """N lines with a name and an integer."""
    name, said, body, expression = rng.choice(_RECORDS)
    value, constant = (
        rng.choice(("score", "price", "height", "age", "weight")),
        str(rng.choice((10, 20, 30, 50))),
    )
    goal = said.format(value=value, c=constant)
    task = rng.choice(
        (
            f"There are n records, each with a name and a {value}. Print {goal}.",
            f"A table lists n names with their {value}s, one record per line. Find {goal}.",
        )
    )
    given = f"The first line contains an integer n. Each of the next n lines contains a name and an integer, the {value}."
    statement = statement_text(
        task,
        given,
        "Print the answer.",
        "1 <= n <= 100; names consist of lower-case letters; every integer is between 1 and 100",
    )
    read = [
        "rows = []",
        "for _ in range(n):",
        "    name, p = input().split()",
        "    rows.append((name, int(p)))",
    ]
    finish = body.format(c=constant).split("\n") if body else [f"print({expression.format(c=constant)})"]
    program = program_text(Style.draw(rng), ["n = int(input())", *read, *finish])
    inputs = tuple(_records_input(rng) for _ in range(2))
    return Specification("records", (name,), draw_title(rng), statement, program, inputs)


def _records_input(rng: random.Random) -> str:
    n = rng.randint(3, 5)
    return "\n".join((str(n), *(f"{draw_word(rng)} {rng.randint(1, 60)}" for _ in range(n)))) + "\n"


_COMMANDS = (
    ("counter", "A counter starts at 0. Each {word} is + (add one), - (subtract one) or 0 (set it back to zero). Print its final value.",
     "+-0", "x = 0\nfor c in s:\n    if c == \"+\":\n        x += 1\n    elif c == \"-\":\n        x -= 1\n    else:\n        x = 0\nprint(x)"),
    ("walk", "A robot stands at (0, 0). Each {word} is U (y plus 1), D (y minus 1), L (x minus 1) or R (x plus 1). Print its final x and y, separated by a space.",
     "UDLR", "x = y = 0\nfor c in s:\n    if c == \"U\":\n        y += 1\n    elif c == \"D\":\n        y -= 1\n    elif c == \"L\":\n        x -= 1\n    else:\n        x += 1\nprint(x, y)"),
    ("highest", "A counter starts at 0. Each {word} is + (add one) or - (subtract one). Print the highest value it ever has, the start included.",
     "+-", "x = best = 0\nfor c in s:\n    x += 1 if c == \"+\" else -1\n    best = max(best, x)\nprint(best)"),
    ("balanced", "Each {word} is an opening or a closing bracket. Print YES if the brackets are balanced, otherwise NO.",
     "()", "depth = 0\ngood = True\nfor c in s:\n    depth += 1 if c == \"(\" else -1\n    if depth < 0:\n        good = False\nprint(\"YES\" if good and depth == 0 else \"NO\")"),
    ("doubling", "A number starts at 1. Each {word} is D (double it) or A (add one). Print its final value.",
     "DA", "x = 1\nfor c in s:\n    if c == \"D\":\n        x *= 2\n    else:\n        x += 1\nprint(x)"),
)  # fmt: skip


def draw_commands(rng: random.Random) -> Specification:
    """A string of commands to be simulated."""
    name, said, alphabet, body = rng.choice(_COMMANDS)
    word = rng.choice(("character", "letter of the string", "command"))
    task = f"A string s describes what happens. {said.format(word=word)}"
    statement = statement_text(
        task,
        "A single line contains the string s.",
        "Print the answer.",
        f"s has 1 to 1000 characters; s consists of the characters {' '.join(alphabet)}",
    )
    program = program_text(Style.draw(rng), ["s = input().strip()", *body.split("\n")])
    inputs = tuple("".join(rng.choice(alphabet) for _ in range(rng.randint(3, 9))) + "\n" for _ in range(2))
    return Specification("commands", (name,), draw_title(rng), statement, program, inputs)
