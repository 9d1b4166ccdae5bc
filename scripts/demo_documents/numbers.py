"""Blocks over lists of integers."""

# ruff: noqa: E501 - a table is read best with one row a line
from __future__ import annotations

from demo_documents.blocks import Filter, Map, Rearrange, Reduce

_SMALL = (2, 3, 4, 5, 6, 7, 8, 9)
_BOUNDS = (3, 5, 8, 10, 12, 15, 20)


def _filter(name: str, that: str, lacking: str, tests: str, constants: tuple[int, ...] = ()) -> Filter:
    """A filter whose alternatives are separated by bars."""
    return Filter(name, "number", _bars(that), _bars(lacking), _bars(tests), constants)


def _map(name: str, wordings: str, nouns: str, codes: str, constants: tuple[int, ...] = ()) -> Map:
    return Map(name, "number", "number", _bars(wordings), _bars(nouns), _bars(codes), constants)


def _bars(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(" | "))


FILTERS = (
    _filter("even", "are even | are divisible by two | have no remainder when halved",
            "are odd | are not even", "{x} % 2 == 0"),
    _filter("odd", "are odd | are not divisible by two | are not even", "are even", "{x} % 2 == 1 | {x} % 2 != 0"),
    _filter("positive", "are positive | are greater than zero | lie above zero",
            "are not positive | are zero or negative", "{x} > 0"),
    _filter("negative", "are negative | are less than zero | lie below zero",
            "are not negative | are at least zero", "{x} < 0"),
    _filter("nonzero", "are not zero | differ from zero", "are zero | are equal to zero", "{x} != 0"),
    _filter("multiple", "are divisible by {c} | are multiples of {c}",
            "are not divisible by {c} | are not multiples of {c}", "{x} % {c} == 0", _SMALL),
    _filter("nonmultiple", "are not divisible by {c} | are not multiples of {c}",
            "are divisible by {c} | are multiples of {c}", "{x} % {c} != 0", _SMALL),
    _filter("above", "are greater than {c} | are larger than {c} | exceed {c} | are above {c}",
            "are at most {c} | do not exceed {c}", "{x} > {c}", _BOUNDS),
    _filter("below", "are less than {c} | are smaller than {c} | are below {c}",
            "are at least {c} | are {c} or more", "{x} < {c}", _BOUNDS),
    _filter("at_least", "are at least {c} | are not less than {c} | are {c} or more",
            "are less than {c} | are below {c}", "{x} >= {c}", _BOUNDS),
    _filter("at_most", "are at most {c} | are not greater than {c} | do not exceed {c}",
            "are greater than {c} | are above {c}", "{x} <= {c}", _BOUNDS),
    _filter("equal", "are equal to {c} | have the value {c}", "are not equal to {c} | differ from {c}",
            "{x} == {c}", _SMALL),
    _filter("unequal", "are not equal to {c} | differ from {c}", "are equal to {c} | have the value {c}",
            "{x} != {c}", _SMALL),
    _filter("last_digit", "end with the digit {c} | have {c} as their last digit",
            "do not end with the digit {c}", "abs({x}) % 10 == {c}", (1, 2, 3, 4, 5, 6, 7, 8, 9)),
    _filter("single_digit", "have a single digit | have only one digit", "have more than one digit",
            "abs({x}) < 10"),
    _filter("two_digit", "have exactly two digits | are two-digit numbers", "do not have exactly two digits",
            "10 <= abs({x}) <= 99 | len(str(abs({x}))) == 2"),
    _filter("square", "are perfect squares | are squares of integers", "are not perfect squares",
            "{x} >= 0 and int({x} ** 0.5) ** 2 == {x}"),
    _filter("prime", "are prime | are prime numbers", "are not prime",
            "{x} > 1 and all({x} % d != 0 for d in range(2, int({x} ** 0.5) + 1))"),
    _filter("mirror", "read the same backwards | are palindromes", "are not palindromes",
            "str({x}) == str({x})[::-1]"),
    _filter("digit_sum_even", "have an even digit sum | have an even sum of digits",
            "have an odd digit sum", "sum(int(d) for d in str(abs({x}))) % 2 == 0"),
)  # fmt: skip

MAPS = (
    _map("squared", "square each {item} | replace each {item} by its square | multiply every {item} by itself",
         "the squares of {of}", "{x} * {x} | {x} ** 2"),
    _map("cubed", "cube each {item} | replace every {item} by its cube", "the cubes of {of}", "{x} ** 3"),
    _map("doubled", "double each {item} | replace every {item} by twice its value", "the doubles of {of}",
         "2 * {x} | {x} * 2"),
    _map("times", "multiply each {item} by {c} | replace every {item} by {c} times its value",
         "{c} times {of}", "{x} * {c}", (3, 4, 5, 6, 7, 8, 9, 10)),
    _map("plus", "add {c} to each {item} | increase every {item} by {c}", "{of} increased by {c}",
         "{x} + {c}", _SMALL),
    _map("minus", "subtract {c} from each {item} | decrease every {item} by {c}", "{of} decreased by {c}",
         "{x} - {c}", _SMALL),
    _map("negated", "negate each {item} | change the sign of every {item}", "the negatives of {of}", "-{x}"),
    _map("absolute", "take the absolute value of each {item} | replace every {item} by its absolute value",
         "the absolute values of {of}", "abs({x})"),
    _map("modulo", "replace each {item} by its remainder modulo {c} | take every {item} modulo {c} | "
         "replace every {item} by its remainder when divided by {c}",
         "the remainders of {of} modulo {c}", "{x} % {c}", _SMALL),
    _map("halved", "halve each {item}, rounding down | divide every {item} by two and round down",
         "the halves, rounded down, of {of}", "{x} // 2"),
    _map("divided", "divide each {item} by {c}, rounding down | replace every {item} by its quotient by {c}, rounded down",
         "the quotients by {c}, rounded down, of {of}", "{x} // {c}", (3, 4, 5, 6, 7, 8, 9, 10)),
    _map("digit_sum", "replace each {item} by the sum of its digits | take the digit sum of every {item}",
         "the digit sums of {of}", "sum(int(d) for d in str(abs({x})))"),
    _map("digit_count", "replace each {item} by its number of digits | count the digits of every {item}",
         "the digit counts of {of}", "len(str(abs({x})))"),
    _map("ending", "replace each {item} by its last digit | take the last digit of every {item}",
         "the last digits of {of}", "abs({x}) % 10"),
    _map("capped", "replace each {item} above {c} by {c} | limit every {item} to at most {c}",
         "{of} limited to at most {c}", "min({x}, {c})", _BOUNDS),
    _map("raised", "replace each {item} below {c} by {c} | raise every {item} to at least {c}",
         "{of} raised to at least {c}", "max({x}, {c})", _BOUNDS),
    _map("distance", "replace each {item} by its distance from {c} | take the absolute difference of every {item} and {c}",
         "the distances from {c} of {of}", "abs({x} - {c})", _BOUNDS),
)  # fmt: skip


def _rearrange(name: str, wordings: str, codes: str, constants: tuple[int, ...] = ()) -> Rearrange:
    return Rearrange(name, "number", _bars(wordings), _bars(codes), constants)


REARRANGES = (
    _rearrange("sorted", "sort the {items} in increasing order | arrange the {items} from smallest to largest | "
               "put the {items} in ascending order", "{v}.sort() | {v} = sorted({v})"),
    _rearrange("descending", "sort the {items} in decreasing order | arrange the {items} from largest to smallest | "
               "put the {items} in descending order",
               "{v}.sort(reverse=True) | {v} = sorted({v}, reverse=True)"),
    _rearrange("reversed", "reverse the order of the {items} | turn the list around | put the {items} in reverse order",
               "{v} = {v}[::-1] | {v}.reverse()"),
    _rearrange("by_absolute", "sort the {items} by absolute value, ties by value | "
               "order the {items} by their absolute values, the smaller {item} first on ties",
               "{v}.sort(key=lambda {x}: (abs({x}), {x}))"),
    _rearrange("by_last_digit", "sort the {items} by last digit, ties by value | "
               "order the {items} by their last digits, the smaller {item} first on ties",
               "{v}.sort(key=lambda {x}: (abs({x}) % 10, {x}))"),
    _rearrange("distinct", "remove duplicates, keeping first occurrences | keep only the first copy of each value",
               "{v} = list(dict.fromkeys({v}))"),
    _rearrange("unique_sorted", "remove duplicates and sort the rest | take the distinct {items} in increasing order",
               "{v} = sorted(set({v}))"),
    _rearrange("once", "keep only the {items} that occur exactly once | remove all {items} that occur more than once",
               "{v} = [{x} for {x} in {v} if {v}.count({x}) == 1]"),
    _rearrange("first_few", "keep only the first {c} {items} | take the first {c} {items} and forget the rest",
               "{v} = {v}[:{c}]", (2, 3, 4, 5)),
    _rearrange("last_few", "keep only the last {c} {items} | take the last {c} {items} and forget the rest",
               "{v} = {v}[-{c}:]", (2, 3, 4, 5)),
    _rearrange("skip_few", "remove the first {c} {items} | skip the first {c} {items}", "{v} = {v}[{c}:]", (1, 2, 3)),
    _rearrange("odd_places", "keep only the {items} at odd positions, counting from 1 | take every second one of the {items}, starting with the first",
               "{v} = {v}[::2]"),
    _rearrange("even_places", "keep only the {items} at even positions, counting from 1 | take every second one of the {items}, starting with the second",
               "{v} = {v}[1::2]"),
    _rearrange("differences", "replace the list by the differences of neighbours, each minus the one before | "
               "take the difference of each {item} and the one before it",
               "{v} = [{v}[i] - {v}[i - 1] for i in range(1, len({v}))]"),
    _rearrange("neighbour_sums", "replace the list by the sums of neighbours | add each {item} to the one before it",
               "{v} = [{v}[i] + {v}[i - 1] for i in range(1, len({v}))]"),
    _rearrange("prefix_sums", "replace the list by its prefix sums | replace each {item} by the sum of all up to it",
               "{v} = [sum({v}[: i + 1]) for i in range(len({v}))]"),
    _rearrange("running_max", "replace each {item} by the largest seen so far | replace the list by its running maxima",
               "{v} = [max({v}[: i + 1]) for i in range(len({v}))]"),
    _rearrange("rises", "keep only the {items} that are larger than the one before | take the {items} that exceed their left neighbour",
               "{v} = [{v}[i] for i in range(1, len({v})) if {v}[i] > {v}[i - 1]]"),
    _rearrange("rotated", "move the first {item} to the end | rotate the list by one place to the left", "{v} = {v}[1:] + {v}[:1]"),
    _rearrange("numbered", "multiply each {item} by its position, counting from 1 | multiply every {item} by its place in the list, the first place being 1",
               "{v} = [i * {x} for i, {x} in enumerate({v}, 1)]"),
)  # fmt: skip


def _reduce(
    name: str,
    nouns: str,
    *codes: str,
    empty: bool = True,
    verdict: bool = False,
    constants: tuple[int, ...] = (),
) -> Reduce:
    return Reduce(name, "number", _bars(nouns), codes, empty, verdict, constants)


REDUCES = (
    _reduce("sum", "the sum of {of} | the total of {of}", "sum({v})", "total = 0\nfor {x} in {v}:\n    total += {x}\ntotal"),
    _reduce("count", "the number of {of} | how many {of} there are", "len({v})"),
    _reduce("max", "the largest of {of} | the maximum of {of}", "max({v})", empty=False),
    _reduce("min", "the smallest of {of} | the minimum of {of}", "min({v})", empty=False),
    _reduce("range", "the difference between the largest and the smallest of {of} | the range (maximum minus minimum) of {of}",
            "max({v}) - min({v})", empty=False),
    _reduce("ends_sum", "the sum of the largest and the smallest of {of} | the maximum plus the minimum of {of}",
            "max({v}) + min({v})", empty=False),
    _reduce("first", "the first of {of}", "{v}[0]", empty=False),
    _reduce("last", "the last of {of}", "{v}[-1]", empty=False),
    _reduce("mean", "the average, rounded down, of {of} | the mean (rounded down) of {of}", "sum({v}) // len({v})", empty=False),
    _reduce("distinct_count", "the number of different values among {of} | how many distinct values there are among {of}", "len(set({v}))"),
    _reduce("square_sum", "the sum of the squares of {of}", "sum({x} * {x} for {x} in {v})"),
    _reduce("absolute_sum", "the sum of the absolute values of {of}", "sum(abs({x}) for {x} in {v})"),
    _reduce("alternating", "the alternating sum (first minus second plus third and so on) of {of}",
            "sum({v}[::2]) - sum({v}[1::2])"),
    _reduce("product", "the product of {of} modulo 1000007 | the remainder modulo 1000007 of the product of {of}",
            "p = 1\nfor {x} in {v}:\n    p = p * {x} % 1000007\np"),
    _reduce("xor", "the bitwise exclusive or of {of} | the xor of {of}", "t = 0\nfor {x} in {v}:\n    t ^= {x}\nt"),
    _reduce("second", "the second largest of the different values among {of}, or 0 if there is none",
            "u = sorted(set({v}))\nu[-2] if len(u) > 1 else 0"),
    _reduce("median", "the middle one (the lower one of two) of {of} in sorted order | the median (the lower one of two) of {of}",
            "sorted({v})[(len({v}) - 1) // 2]", empty=False),
    _reduce("mode", "the most frequent value (the smallest on ties) among {of}",
            "min({v}, key=lambda {x}: (-{v}.count({x}), {x}))", empty=False),
    _reduce("where_max", "the position, counting from 1, of the first maximum of {of}", "{v}.index(max({v})) + 1", empty=False),
    _reduce("where_min", "the position, counting from 1, of the first minimum of {of}", "{v}.index(min({v})) + 1", empty=False),
    _reduce("ups", "how often one of {of} is larger than the one before it", "sum(1 for i in range(1, len({v})) if {v}[i] > {v}[i - 1])"),
    _reduce("equal_pairs", "how many neighbouring pairs among {of} are equal", "sum(1 for i in range(1, len({v})) if {v}[i] == {v}[i - 1])"),
    _reduce("biggest_gap", "the largest absolute difference of neighbours among {of}, or 0 if there are no neighbours",
            "max((abs({v}[i] - {v}[i - 1]) for i in range(1, len({v}))), default=0)"),
    _reduce("longest_run", "the length of the longest run of equal neighbours among {of}",
            "best = run = 0\nfor i in range(len({v})):\n    run = run + 1 if i > 0 and {v}[i] == {v}[i - 1] else 1\n"
            "    best = max(best, run)\nbest"),
    _reduce("longest_rise", "the length of the longest run of neighbours in strictly increasing order among {of}",
            "best = run = 0\nfor i in range(len({v})):\n    run = run + 1 if i > 0 and {v}[i] > {v}[i - 1] else 1\n"
            "    best = max(best, run)\nbest"),
    _reduce("gcd", "the greatest common divisor of {of}", "math.gcd(*{v})"),
    _reduce("occurrences", "how often the value {c} occurs among {of}", "{v}.count({c})", constants=(1, 2, 3, 4, 5)),
    _reduce("is_sorted", "whether {of} are in non-decreasing order | whether {of} never go down", "{v} == sorted({v})", verdict=True),
    _reduce("all_distinct", "whether {of} are all different | whether no value occurs twice among {of}",
            "len(set({v})) == len({v})", verdict=True),
    _reduce("is_mirror", "whether {of} read the same from both ends", "{v} == {v}[::-1]", verdict=True),
    _reduce("sum_even", "whether the sum of {of} is even", "sum({v}) % 2 == 0", verdict=True),
    _reduce("contains", "whether the value {c} occurs among {of}", "{c} in {v}", verdict=True, constants=(1, 2, 3, 4, 5)),
    _reduce("sum_above", "whether the sum of {of} is greater than {c}", "sum({v}) > {c}", verdict=True, constants=(10, 20, 30, 50)),
)  # fmt: skip
