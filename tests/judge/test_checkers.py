"""The tokens checker: vectors, and a slow readable twin that it must agree with on random outputs."""

from __future__ import annotations

import decimal
import math
import re
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.checkers import CheckResult, check
from problems.problem import CheckerSpec

PLAIN = CheckerSpec()
CASE = CheckerSpec(case_sensitive=True)
SPACE = CheckerSpec(space_change_sensitive=True)
ABSOLUTE = CheckerSpec(float_absolute_tolerance=1e-6)
RELATIVE = CheckerSpec(float_relative_tolerance=1e-6)
BOTH = CheckerSpec(float_absolute_tolerance=1e-6, float_relative_tolerance=1e-6)


def accepts(spec: CheckerSpec, output: bytes, answer: bytes) -> bool:
    return run(spec, output, answer).accepted


def run(spec: CheckerSpec, output: bytes, answer: bytes) -> CheckResult:
    def no_validator(*_: bytes) -> CheckResult:
        raise AssertionError("the tokens checker runs no validator")

    return check(spec, output, answer, b"", no_validator)


@pytest.mark.parametrize(
    ("spec", "output", "answer", "accepted"),
    [
        (PLAIN, b"", b"", True),
        (PLAIN, b"", b"\n", True),
        (PLAIN, b"1 2\n3", b"1\n2 3\n", True),
        (PLAIN, b"\t1\v2\f3\r\n", b"1 2 3", True),
        (PLAIN, b"yes", b"YES", True),
        (PLAIN, b"\xc3\xa4", b"\xc3\x84", False),  # a letter beyond ASCII has one case
        (PLAIN, b"1", b"1 2", False),
        (PLAIN, b"1 2 3", b"1 2", False),
        (PLAIN, b"12", b"1 2", False),
        (PLAIN, b"1.0", b"1", False),
        (PLAIN, b"1\xc2\xa02", b"1 2", False),  # a no-break space is no white space
        (PLAIN, b"a\x00", b"a", False),
        (PLAIN, b"\xff\xfe", b"\xff\xfe", True),
        (CASE, b"yes", b"YES", False),
        (CASE, b"Yes", b"Yes\n", True),
        (SPACE, b"1 2\n", b"1 2\n", True),
        (SPACE, b"1  2\n", b"1 2\n", False),
        (SPACE, b"1 2", b"1 2\n", False),
        (SPACE, b"1 2\n\n", b"1 2\n", False),
        (SPACE, b" 1 2\n", b"1 2\n", False),
        (SPACE, b"YES no\n", b"yes NO\n", True),
        (ABSOLUTE, b"0.3333333", b"0.333333333333", True),
        (ABSOLUTE, b"0.33333", b"0.333333333333", False),
        (ABSOLUTE, b"1e0", b"1", True),
        (ABSOLUTE, b".5 5. +5", b"0.5 5 5", True),
        (ABSOLUTE, b"-0", b"0.0", True),
        (ABSOLUTE, b"1000000.5", b"1000000", False),
        (RELATIVE, b"1000000.5", b"1000000", True),
        (RELATIVE, b"1e-9", b"0", False),
        (BOTH, b"1e-9", b"0", True),
        (BOTH, b"100000000000000001", b"100000000000000000", True),
        (ABSOLUTE, b"100000000000000001", b"100000000000000000", False),  # exact where doubles are not
        (RELATIVE, b"1e-9999999", b"1e17", False),  # spelled out, one of these alone takes minutes
        (RELATIVE, b"0e9999999", b"1e17", False),
        (BOTH, b"1e-99999999999999999999", b"1e17", False),
        (BOTH, b"1e17", b"0e99999999999999999999", False),
        (BOTH, b"1e17", b"1e-9999999", False),
        (ABSOLUTE, b"0." + b"0" * 380 + b"1e398", b"100000000000000000", True),
        (BOTH, b"nan", b"1", False),
        (BOTH, b"nan", b"nan", True),  # no finite number: compared as text
        (BOTH, b"NaN", b"nan", True),
        (BOTH, b"inf", b"1e308", False),
        (BOTH, b"Infinity", b"inf", False),
        (BOTH, b"1e999", b"1", False),
        (BOTH, b"1_0", b"10", False),
        (BOTH, b"0x10", b"16", False),
        (BOTH, "١".encode(), b"1", False),
        (BOTH, b"1e", b"1", False),
        (BOTH, b"abc", b"1", False),
        (BOTH, b"1", b"abc", False),
        (BOTH, b"ABC 1.0000001", b"abc 1", True),
        (BOTH, b"1" * 500, b"1" * 499 + b"2", False),  # too long for a number: compared as text
        (BOTH, b"0." + b"3" * 500, b"0." + b"3" * 399, False),
    ],
)
def test_vectors(spec: CheckerSpec, output: bytes, answer: bytes, accepted: bool) -> None:
    assert accepts(spec, output, answer) is accepted


@pytest.mark.parametrize(
    ("spec", "output", "answer", "message"),
    [
        (PLAIN, b"1\n2 4\n", b"1 2 3", "token 3, line 2: expected '3', got '4'"),
        (PLAIN, b"1\n\n", b"1 2", "token 2, line 1: expected '2', but the output ends"),
        (PLAIN, b"1\n2\n", b"1", "token 2, line 2: unexpected '2' after the expected output"),
        (ABSOLUTE, b"x", b"1.5", "token 1, line 1: expected a number near '1.5', got 'x'"),
        (
            ABSOLUTE,
            b"2",
            b"1.5",
            "token 1, line 1: expected '1.5', got '2': they differ by 0.5, more than allowed",
        ),
        (SPACE, b"1\n2", b"1 2", "token 2, line 2: white space differs from the expected before this token"),
        (PLAIN, b"\xff", b"1", "token 1, line 1: expected '1', got '\\\\xff'"),
        (PLAIN, b"x" * 100, b"1", f"token 1, line 1: expected '1', got '{'x' * 60}'... (100 bytes)"),
    ],
)
def test_messages(spec: CheckerSpec, output: bytes, answer: bytes, message: str) -> None:
    assert run(spec, output, answer) == CheckResult(accepted=False, message=message)


def test_validator_decides() -> None:
    calls = []

    def validator(*data: bytes) -> CheckResult:
        calls.append(data)
        return CheckResult(accepted=False, message="no")

    found = check(CheckerSpec(kind="validator"), b"same", b"same", b"in", validator)
    assert found == CheckResult(accepted=False, message="no")
    assert calls == [(b"same", b"same", b"in")]


@pytest.mark.parametrize(
    "output",
    [
        b"1\n" * (1 << 19),
        b"1 " * (1 << 19),
        b"9" * (1 << 20),
        b" " * (1 << 20),
        b"1 " * (1 << 18) + b"9" * (1 << 19),
        b"1e5000 " * (1 << 17),
    ],
    ids=["lines", "tokens", "one token", "spaces", "tokens and one", "huge exponents"],
)
@pytest.mark.parametrize("spec", [PLAIN, SPACE, BOTH], ids=["plain", "space", "float"])
def test_memory_stays_near_the_size_of_the_output(spec: CheckerSpec, output: bytes) -> None:
    answer = b"1 " * (1 << 19)
    tracemalloc.start()
    run(spec, output, answer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20


NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def twin(spec: CheckerSpec, output: bytes, answer: bytes) -> bool:
    """The rules once more, token by token, with nothing in mind but to be read."""
    ours, theirs = answer.decode("latin-1"), output.decode("latin-1")
    pattern = r"[ \t\n\r\v\f]+|[^ \t\n\r\v\f]+" if spec.space_change_sensitive else r"[^ \t\n\r\v\f]+"
    expected, actual = re.findall(pattern, ours), re.findall(pattern, theirs)
    if len(expected) != len(actual):
        return False
    return all(twin_token(spec, a, b) for a, b in zip(expected, actual, strict=True))


def twin_token(spec: CheckerSpec, expected: str, actual: str) -> bool:
    if expected == actual:
        return True
    tolerances = (spec.float_absolute_tolerance, spec.float_relative_tolerance)
    number = twin_number(expected)
    if tolerances != (None, None) and number is not None:
        value = twin_number(actual)
        if value is None:
            return False
        absolute, relative = tolerances
        difference = abs(number - value)
        return (absolute is not None and difference <= absolute) or (
            relative is not None and difference <= relative * abs(number)
        )
    lower = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
    return not spec.case_sensitive and expected.translate(lower) == actual.translate(lower)


def twin_number(token: str) -> float | None:
    if len(token) > 400 or not NUMBER.fullmatch(token) or not math.isfinite(float(token)):
        return None
    return float(token)


SPECS = st.builds(
    CheckerSpec,
    case_sensitive=st.booleans(),
    space_change_sensitive=st.booleans(),
    float_absolute_tolerance=st.sampled_from([None, 0.0, 1e-6, 0.5]),
    float_relative_tolerance=st.sampled_from([None, 0.0, 1e-6, 0.5]),
)
EXTREME = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}e{exponent}".encode(),
    st.sampled_from(["", "-", "+"]),
    st.sampled_from(["0", "1", "9007199254740993", "1" * 300]),
    st.sampled_from(["", ".", ".0", ".5", "." + "0" * 80 + "7"]),
    st.one_of(st.integers(-400, 400), st.integers(-(10**9), 10**9), st.sampled_from([10**17, -(10**17)])),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(spec=SPECS, output=EXTREME, answer=EXTREME)
def test_numbers_of_any_size_cost_little(spec: CheckerSpec, output: bytes, answer: bytes) -> None:
    tracemalloc.start()
    accepted = accepts(spec, output, answer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 18  # a power of ten that is spelled out would be larger
    assert accepted is exact_twin(spec, output, answer)


def exact_twin(spec: CheckerSpec, output: bytes, answer: bytes) -> bool:
    """As `twin_token`, in decimal arithmetic with more digits than the tokens have."""
    tolerances = (spec.float_absolute_tolerance, spec.float_relative_tolerance)
    if tolerances == (None, None) or twin_number(answer.decode()) is None or output == answer:
        return twin(spec, output, answer)
    value = twin_number(output.decode())
    if value is None or max(abs(value), abs(float(answer))) < 2.0**53:
        return twin(spec, output, answer)
    with decimal.localcontext(decimal.Context(1500, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)):
        number = decimal.Decimal(answer.decode())
        difference = float(abs(number - decimal.Decimal(output.decode())))
    absolute, relative = tolerances
    return (absolute is not None and difference <= absolute) or (
        relative is not None and difference <= relative * abs(float(number))
    )


PIECES = st.sampled_from(
    [
        *(
            b" ",
            b"\n",
            b"  ",
            b"\r\n",
            b"\v",
            b"\xc2\xa0",
            b"a",
            b"A",
            b"b",
            b"\x00",
            b"\xff",
            b"\xb2",
            b"x" * 401,
        ),
        *(
            b"1",
            b"1.0",
            b"1.5",
            b"-1",
            b"1e3",
            b"1.0000001",
            b"2e-7",
            b"nan",
            b"inf",
            b".",
            b"1e400",
            b"0x1",
            b"1_0",
        ),
    ]
)
OUTPUTS = st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=12).map(b"".join))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(spec=SPECS, output=OUTPUTS, answer=OUTPUTS)
def test_agrees_with_its_twin(spec: CheckerSpec, output: bytes, answer: bytes) -> None:
    assert accepts(spec, output, answer) is twin(spec, output, answer)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(spec=SPECS, pieces=st.lists(PIECES, max_size=12), where=st.integers(0, 11), piece=PIECES)
def test_agrees_with_its_twin_on_near_misses(
    spec: CheckerSpec, pieces: list[bytes], where: int, piece: bytes
) -> None:
    changed = [*pieces[:where], piece, *pieces[where + 1 :]]
    output, answer = b" ".join(changed), b" ".join(pieces)
    assert accepts(spec, output, answer) is twin(spec, output, answer)
    assert accepts(spec, answer, answer)
