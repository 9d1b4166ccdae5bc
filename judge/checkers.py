"""Compares a program's output with the judge's answer.

The tokens checker has the semantics of the Kattis default validator (problemtools,
support/default_validator/default_validator.cc): tokens are separated by white space; their number and order
must agree; letters of either case are equal unless `case_sensitive`; white space does not matter unless
`space_change_sensitive`. Where a tolerance is given and the judge's token is a finite number, the program's
must be one too, within the absolute or the relative tolerance. Stricter than the original in what a number
is: decimal digits only, no hexadecimal, infinity or NaN, and none of more than 400 characters.

It works on bytes, block by block: time and memory stay linear whatever a hostile program printed.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from problems.problem import CheckerSpec

_WHITESPACE = b" \t\n\r\v\f"
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TOKEN = re.compile(rb"[^ \t\n\r\v\f]+")
_SPACE = re.compile(rb"[ \t\n\r\v\f]")
_TOKENS_TO_X = bytes(byte if byte in _WHITESPACE else ord("x") for byte in range(256))
_NUMBER_CHARS = 400
_BLOCK_BYTES = 1 << 16
_SHOWN_CHARS = 60
_EXACT = 2.0**53  # below this, doubles hold every integer


@dataclass(frozen=True)
class CheckResult:
    """Whether an output was accepted, and in words where not."""

    accepted: bool
    message: str = ""


ValidatorRun = Callable[[bytes, bytes, bytes], CheckResult]  # output, answer, input


def check(
    spec: CheckerSpec,
    output: bytes,
    answer: bytes,
    input: bytes,  # noqa: A002
    run_validator: ValidatorRun,
) -> CheckResult:
    """Compare `output` with `answer` as `spec` says.

    Args:
        spec: the problem's checker.
        output: what the program printed.
        answer: the judge's answer.
        input: what the program read.
        run_validator: runs the problem's own validator; called for that kind only.
    """
    if spec.kind == "validator":
        return run_validator(output, answer, input)
    if output == answer:
        return CheckResult(accepted=True)
    result = _check_tokens(spec, output, answer)
    if result.accepted and spec.space_change_sensitive:
        return _check_spaces(output, answer)
    return result


def _check_tokens(spec: CheckerSpec, output: bytes, answer: bytes) -> CheckResult:
    position = 0  # tokens compared so far
    ours, theirs = _Tokens(answer), _Tokens(output)
    while True:
        expected, actual = ours.peek(), theirs.peek()
        if not expected or not actual:
            break
        count = min(len(expected), len(actual))
        wrong = _first_difference(spec, expected[:count], actual[:count])
        if wrong is not None:
            reason = _difference(spec, expected[wrong], actual[wrong])
            return _rejected(reason, position + wrong, output)
        ours.take(count)
        theirs.take(count)
        position += count
    if expected:
        return _rejected(f"expected {_shown(expected[0])}, but the output ends", position, output)
    if actual:
        return _rejected(f"unexpected {_shown(actual[0])} after the expected output", position, output)
    return CheckResult(accepted=True)


def _first_difference(spec: CheckerSpec, expected: list[bytes], actual: list[bytes]) -> int | None:
    if expected == actual:
        return None
    for index, (ours, theirs) in enumerate(zip(expected, actual, strict=True)):
        if ours != theirs and _difference(spec, ours, theirs):
            return index
    return None


def _difference(spec: CheckerSpec, expected: bytes, actual: bytes) -> str:
    """In what two tokens differ; "" where they count as equal."""
    if expected == actual:
        return ""
    if spec.float_absolute_tolerance is not None or spec.float_relative_tolerance is not None:
        number = _number(expected)
        if number is not None:
            return _number_difference(spec, expected, actual, number)
    same = expected == actual if spec.case_sensitive else expected.lower() == actual.lower()
    return "" if same else f"expected {_shown(expected)}, got {_shown(actual)}"


def _number_difference(spec: CheckerSpec, expected: bytes, actual: bytes, number: float) -> str:
    value = _number(actual)
    if value is None:
        return f"expected a number near {_shown(expected)}, got {_shown(actual)}"
    size = abs(number)
    if size < _EXACT and abs(value) < _EXACT:
        difference = abs(number - value)
    else:
        difference = _rounded(abs(_exact(expected, number) - _exact(actual, value)))
    if spec.float_absolute_tolerance is not None and difference <= spec.float_absolute_tolerance:
        return ""
    if spec.float_relative_tolerance is not None and difference <= spec.float_relative_tolerance * size:
        return ""
    tokens = f"expected {_shown(expected)}, got {_shown(actual)}"
    return f"{tokens}: they differ by {difference:.6g}, more than allowed"


def _number(token: bytes) -> float | None:
    """The value of a token that is a finite decimal number."""
    if len(token) > _NUMBER_CHARS or not _NUMBER.fullmatch(token):
        return None
    value = float(token)
    return value if math.isfinite(value) else None


def _exact(token: bytes, value: float) -> Fraction:
    """The token's value without rounding, but for 0 where its double is 0.

    A short token with a finite double other than 0 has a small exponent. One such as 1e-9999999 or 0e9999999
    may have any, and spelling out that power of ten would take for ever.
    """
    return Fraction(token.decode()) if value else Fraction(0)


def _rounded(difference: Fraction) -> float:
    try:
        return float(difference)
    except OverflowError:
        return math.inf


def _check_spaces(output: bytes, answer: bytes) -> CheckResult:
    """Compare the white space of texts whose tokens agree."""
    expected, actual = _skeleton(answer), _skeleton(output)
    if expected == actual:
        return CheckResult(accepted=True)
    tokens = actual.count(b"x", 0, _common_prefix(expected, actual))
    return _rejected("white space differs from the expected before this token", tokens, output)


def _skeleton(data: bytes) -> bytes:
    """The white space of `data`, with an x for each token. Every pass halves what it replaces."""
    skeleton = data.translate(_TOKENS_TO_X)
    while b"xx" in skeleton:
        skeleton = skeleton.replace(b"xx", b"x")
    return skeleton


def _common_prefix(a: bytes, b: bytes) -> int:
    """How many bytes `a` and `b`, which differ, begin with in common."""
    lower, upper = 0, min(len(a), len(b))
    while lower < upper:
        middle = (lower + upper + 1) // 2
        if a[lower:middle] == b[lower:middle]:
            lower = middle
        else:
            upper = middle - 1
    return lower


class _Tokens:
    """The tokens of `data`, a block at a time."""

    def __init__(self, data: bytes) -> None:
        self._blocks = _blocks(data)
        self._tokens: list[bytes] = []
        self._taken = 0

    def peek(self) -> list[bytes]:
        """The next tokens; empty at the end only."""
        if self._taken == len(self._tokens):
            self._tokens, self._taken = next((tokens for tokens in self._blocks if tokens), []), 0
        if self._taken:
            self._tokens, self._taken = self._tokens[self._taken :], 0
        return self._tokens

    def take(self, count: int) -> None:
        """Go on behind the next `count` tokens."""
        self._taken += count


def _blocks(data: bytes) -> Iterator[list[bytes]]:
    start = 0
    while start < len(data):
        gap = _SPACE.search(data, start + _BLOCK_BYTES)
        end = gap.start() if gap else len(data)
        yield data[start:end].split()
        start = end


def _rejected(reason: str, position: int, output: bytes) -> CheckResult:
    return CheckResult(
        accepted=False, message=f"token {position + 1}, line {_line_of(output, position)}: {reason}"
    )


def _line_of(output: bytes, position: int) -> int:
    """The line, counted from 1, of token number `position`, or the last line where there are fewer tokens."""
    for match in itertools.islice(_TOKEN.finditer(output), position, None):
        return output.count(b"\n", 0, match.start()) + 1
    return output.count(b"\n", 0, len(output.rstrip(_WHITESPACE))) + 1


def _shown(token: bytes) -> str:
    text = token[:_SHOWN_CHARS].decode("utf-8", "backslashreplace")
    return repr(text) + (f"... ({len(token)} bytes)" if len(token) > _SHOWN_CHARS else "")
