"""Where a pipeline's data comes from: how the input is worded, read by a program, and drawn at random."""

# ruff: noqa: E501 - a table is read best with one row a line
from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from demo_documents.blocks import Kind

ITEMS = (
    ("numbers", "number"),
    ("integers", "integer"),
    ("values", "value"),
    ("scores", "score"),
    ("prices", "price"),
    ("heights", "height"),
    ("points", "point"),
    ("measurements", "measurement"),
    ("ages", "age"),
    ("weights", "weight"),
)
_SYLLABLES = ("ba", "co", "el", "i", "mo", "na", "o", "pi", "ra", "sun", "ta", "u", "ve", "an", "a", "bob")


@dataclass(frozen=True)
class Range:
    """The bounds between which numbers are drawn."""

    low: int
    high: int


Draw = Callable[[random.Random, Range, int], list[str]]  # (rng, range, size) -> the data's lines


@dataclass(frozen=True)
class Source:
    """A form of input. `reads` are ways to read it into {v}; `reads_k` the same with k read before it."""

    name: str
    kind: Kind
    intros: tuple[str, ...]
    inputs: tuple[str, ...]
    inputs_k: tuple[str, ...]
    reads: tuple[str, ...]
    reads_k: tuple[str, ...]
    constraint: str  # with {low} and {high} for numbers
    draw: Draw
    k_joined: bool = False  # k follows n on the first line; otherwise it has a line of its own, the first


def _numbers(rng: random.Random, bounds: Range, size: int) -> list[int]:
    numbers = [rng.randint(bounds.low, bounds.high) for _ in range(size)]
    for i in range(1, size):  # repeats make duplicates, runs and modes matter
        if rng.random() < 0.25:
            numbers[i] = rng.choice(numbers[:i])
    return numbers


def _spaced(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def draw_word(rng: random.Random) -> str:
    """A lower-case word of two to nine letters."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(1, 3))) + rng.choice(("", "e", "s", "t"))


def _words(rng: random.Random, size: int) -> list[str]:
    words = [draw_word(rng) for _ in range(size)]
    if size > 2 and rng.random() < 0.4:
        words[-1] = words[0]
    return words


def _letters(alphabet: str) -> Draw:
    return lambda rng, bounds, size: ["".join(rng.choice(alphabet) for _ in range(size + 3))]


NUMBER_SOURCES = (
    Source(
        "counted", "number",
        ("You are given a list of n {items}.", "There are n {items}.", "A list of n {items} is given.",
         "{Person} wrote down n {items}.", "You receive n {items}.", "{Person} collected n {items}."),
        ("The first line contains an integer n. The second line contains n integers.",
         "First comes n, the number of {items}. The next line holds the n {items}.",
         "Line 1: the integer n. Line 2: n integers separated by spaces."),
        ("The first line contains two integers n and k. The second line contains n integers.",
         "Line 1: the integers n and k. Line 2: n integers separated by spaces."),
        ("n = int(input())\n{v} = list(map(int, input().split()))",
         "n = int(input())\n{v} = [int(t) for t in input().split()]",
         "tokens = sys.stdin.read().split()\nn = int(tokens[0])\n{v} = [int(t) for t in tokens[1:]]"),
        ("n, k = map(int, input().split())\n{v} = list(map(int, input().split()))",
         "tokens = sys.stdin.read().split()\nn, k = int(tokens[0]), int(tokens[1])\n{v} = [int(t) for t in tokens[2:]]"),
        "1 <= n <= 1000; every {item} is between {low} and {high}",
        lambda rng, bounds, size: [str(size), _spaced(_numbers(rng, bounds, size))],
        k_joined=True,
    ),
    Source(
        "line", "number",
        ("You are given a list of {items}.", "A line of {items} is given.", "{Person} has some {items}.", "Some {items} are given."),
        ("A single line contains the {items}, separated by spaces.", "One line with the {items}."),
        ("The first line contains an integer k. The second line contains the {items}, separated by spaces.",),
        ("{v} = list(map(int, input().split()))", "{v} = [int(t) for t in sys.stdin.read().split()]"),
        ("k = int(input())\n{v} = list(map(int, input().split()))",),
        "there are at least 1 and at most 1000 {items}; every {item} is between {low} and {high}",
        lambda rng, bounds, size: [_spaced(_numbers(rng, bounds, size))],
    ),
    Source(
        "column", "number",
        ("You are given n {items}, one per line.", "There are n {items}.", "{Person} noted n {items}, each on its own line."),
        ("The first line contains an integer n. Each of the next n lines contains an integer.",
         "First comes n, the number of {items}. Then follow n lines with one {item} each."),
        ("The first line contains two integers n and k. Each of the next n lines contains an integer.",),
        ("n = int(input())\n{v} = [int(input()) for _ in range(n)]",
         "n = int(input())\n{v} = []\nfor _ in range(n):\n    {v}.append(int(input()))"),
        ("n, k = map(int, input().split())\n{v} = [int(input()) for _ in range(n)]",),
        "1 <= n <= 1000; every {item} is between {low} and {high}",
        lambda rng, bounds, size: [str(size), *map(str, _numbers(rng, bounds, size))],
        k_joined=True,
    ),
    Source(
        "upto", "number",
        ("Consider the integers from 1 to n.", "Write down all integers from 1 to n.", "Look at the list 1, 2, ..., n."),
        ("A single line contains an integer n.", "The input is one integer n."),
        ("A single line contains two integers n and k.",),
        ("n = int(input())\n{v} = list(range(1, n + 1))",),
        ("n, k = map(int, input().split())\n{v} = list(range(1, n + 1))",),
        "1 <= n <= 300",
        lambda rng, bounds, size: [str(rng.randint(4, 25))],
        k_joined=True,
    ),
    Source(
        "span", "number",
        ("Consider the integers from a to b, both included.", "Write down all integers from a to b inclusive."),
        ("A single line contains two integers a and b.", "The input is a line with the integers a and b."),
        ("The first line contains an integer k. The second line contains two integers a and b.",),
        ("a, b = map(int, input().split())\n{v} = list(range(a, b + 1))",),
        ("k = int(input())\na, b = map(int, input().split())\n{v} = list(range(a, b + 1))",),
        "1 <= a <= b <= 300",
        lambda rng, bounds, size: [_spaced(sorted((rng.randint(1, 30), rng.randint(1, 30))))],
    ),
    Source(
        "digits", "number",
        ("Take the digits of the integer n, from left to right.", "You are given a number n; look at its digits."),
        ("A single line contains an integer n.", "The input is one integer n."),
        ("The first line contains an integer k. The second line contains an integer n.",),
        ("{v} = [int(d) for d in input().strip()]", "{v} = list(map(int, input().strip()))"),
        ("k = int(input())\n{v} = [int(d) for d in input().strip()]",),
        "1 <= n <= 10^18",
        lambda rng, bounds, size: ["".join(rng.choice("123456789") for _ in range(max(1, size)))],
    ),
    Source(
        "divisors", "number",
        ("Take the positive divisors of n in increasing order.", "Consider all positive divisors of the integer n, from small to large."),
        ("A single line contains an integer n.", "The input is one integer n."),
        ("A single line contains two integers n and k.",),
        ("n = int(input())\n{v} = [d for d in range(1, n + 1) if n % d == 0]",),
        ("n, k = map(int, input().split())\n{v} = [d for d in range(1, n + 1) if n % d == 0]",),
        "1 <= n <= 1000",
        lambda rng, bounds, size: [str(rng.choice((12, 18, 20, 24, 30, 36, 40, 48, 60, 72, 17, 25, 64)))],
        k_joined=True,
    ),
)  # fmt: skip

WORD_SOURCES = (
    Source(
        "sentence", "word",
        ("You are given a line of words.", "A line of text consists of words.", "{Person} says a few words."),
        ("A single line contains the words, separated by spaces.", "One line of words."),
        ("The first line contains an integer k. The second line contains the words.",),
        ("{v} = input().split()", "{v} = sys.stdin.read().split()"),
        ("k = int(input())\n{v} = input().split()",),
        "there are at least 1 and at most 100 words of lower-case letters",
        lambda rng, bounds, size: [" ".join(_words(rng, size))],
    ),
    Source(
        "word_column", "word",
        ("You are given n words.", "There are n words.", "{Person} wrote a list of n words."),
        ("The first line contains an integer n. Each of the next n lines contains a word.",
         "First comes n, then n lines with one word each."),
        ("The first line contains two integers n and k. Each of the next n lines contains a word.",),
        ("n = int(input())\n{v} = [input().strip() for _ in range(n)]",
         "n = int(input())\n{v} = []\nfor _ in range(n):\n    {v}.append(input().strip())"),
        ("n, k = map(int, input().split())\n{v} = [input().strip() for _ in range(n)]",),
        "1 <= n <= 100; the words consist of lower-case letters",
        lambda rng, bounds, size: [str(size), *_words(rng, size)],
        k_joined=True,
    ),
)  # fmt: skip

LOWER_SOURCE = Source(
    "string", "letter",
    ("You are given a string s.", "A string s is given.", "{Person} typed a string s."),
    ("A single line contains the string s.", "One line with the string s."),
    ("The first line contains an integer k. The second line contains the string s.",),
    ("{v} = input().strip()", "{v} = sys.stdin.readline().strip()"),
    ("k = int(input())\n{v} = input().strip()",),
    "s has at least 1 and at most 1000 lower-case letters",
    _letters("aabcdeemnotu" + "xy"),
)  # fmt: skip
MIXED_SOURCE = Source(
    "mixed", "letter",
    LOWER_SOURCE.intros, LOWER_SOURCE.inputs, LOWER_SOURCE.inputs_k, LOWER_SOURCE.reads, LOWER_SOURCE.reads_k,
    "s has at least 1 and at most 1000 letters and digits",
    _letters("aabcdemoAABEMZ" + string.digits[1:6]),
)  # fmt: skip
