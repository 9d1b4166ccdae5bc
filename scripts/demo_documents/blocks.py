"""The building blocks of which generated problems are composed, and how each is said and coded.

Templates use `{items}` and `{item}` (the things in the list, plural and singular), `{of}` (the phrase a
noun is "of"), `{c}` (the block's constant: a number, or the letter k when the program reads it), `{v}`
(the list's variable) and `{x}` (the loop variable).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "word", "letter"]  # what the elements of the list (for letters: the string) are


@dataclass(frozen=True)
class Filter:
    """Keeps the elements for which a test holds."""

    name: str
    kind: Kind
    that: tuple[str, ...]  # "are even"
    lacking: tuple[str, ...]  # the opposite: "are odd"
    tests: tuple[str, ...]  # Python expressions over {x}
    constants: tuple[int, ...] = ()


@dataclass(frozen=True)
class Map:
    """Replaces every element by a value computed from it alone."""

    name: str
    kind: Kind
    gives: Kind
    wordings: tuple[str, ...]  # "replace each {item} by its square"
    nouns: tuple[str, ...]  # "the squares of {of}"
    codes: tuple[str, ...]  # Python expressions over {x}
    constants: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rearrange:
    """Makes a new list of the whole old one: sorting, reversing, differences and so on."""

    name: str
    kind: Kind
    wordings: tuple[str, ...]
    codes: tuple[str, ...]  # Python expressions over {v}, or statements that change it
    constants: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reduce:
    """Makes one printed value of the whole list."""

    name: str
    kind: Kind
    nouns: tuple[str, ...]  # "the sum of {of}", or "whether ..." for a yes-no answer
    codes: tuple[str, ...]  # lines of Python over {v}; the last line is the value's expression
    empty: bool = True  # whether an empty list has an answer
    verdict: bool = False  # a condition, printed as one of two words
    constants: tuple[int, ...] = ()
    gives: Kind = "number"


Step = Filter | Map | Rearrange
