"""Blocks over lists of words and over the characters of a string."""

# ruff: noqa: E501 - a table is read best with one row a line
from __future__ import annotations

from demo_documents.blocks import Filter, Map, Rearrange, Reduce

_LENGTHS = (2, 3, 4, 5)

WORD_FILTERS = (
    Filter("longer", "word", ("are longer than {c} letters", "have more than {c} letters"),
           ("have at most {c} letters",), ("len({x}) > {c}",), _LENGTHS),
    Filter("shorter", "word", ("are shorter than {c} letters", "have fewer than {c} letters"),
           ("have at least {c} letters",), ("len({x}) < {c}",), (4, 5, 6)),
    Filter("exact_length", "word", ("have exactly {c} letters", "consist of {c} letters"),
           ("do not have exactly {c} letters",), ("len({x}) == {c}",), (3, 4, 5, 6)),
    Filter("even_length", "word", ("have an even number of letters", "have even length"),
           ("have an odd number of letters", "have odd length"), ("len({x}) % 2 == 0",)),
    Filter("vowel_start", "word", ("start with a vowel", "begin with a vowel"),
           ("do not start with a vowel", "start with a consonant"), ('{x}[0] in "aeiou"',)),
    Filter("vowel_end", "word", ("end with a vowel",), ("do not end with a vowel",), ('{x}[-1] in "aeiou"',)),
    Filter("has_a", "word", ("contain the letter a",), ("do not contain the letter a",), ('"a" in {x}',)),
    Filter("has_e", "word", ("contain the letter e",), ("do not contain the letter e",), ('"e" in {x}',)),
    Filter("palindrome", "word", ("are palindromes", "read the same backwards"), ("are not palindromes",),
           ("{x} == {x}[::-1]",)),
    Filter("same_ends", "word", ("start and end with the same letter",),
           ("start and end with different letters",), ("{x}[0] == {x}[-1]",)),
)  # fmt: skip

WORD_MAPS = (
    Map("upper_words", "word", "word", ("write each {item} in upper case", "turn every {item} into capital letters"),
        ("the upper-case forms of {of}",), ("{x}.upper()",)),
    Map("capitalized", "word", "word", ("capitalize each {item}", "make the first letter of every {item} a capital"),
        ("the capitalized forms of {of}",), ("{x}.capitalize()",)),
    Map("backwards", "word", "word", ("reverse each {item}", "write every {item} backwards"),
        ("the reversals of {of}",), ("{x}[::-1]",)),
    Map("initials", "word", "word", ("replace each {item} by its first letter", "take the first letter of every {item}"),
        ("the first letters of {of}",), ("{x}[0]",)),
    Map("finals", "word", "word", ("replace each {item} by its last letter", "take the last letter of every {item}"),
        ("the last letters of {of}",), ("{x}[-1]",)),
    Map("doubled_words", "word", "word", ("write each {item} twice in a row without a space", "double every {item}"),
        ("the doubled forms of {of}",), ("{x} * 2", "{x} + {x}")),
    Map("prefixes", "word", "word", ("cut each {item} to its first {c} letters", "keep only the first {c} letters of every {item}"),
        ("the first {c} letters of {of}",), ("{x}[:{c}]",), (2, 3, 4)),
    Map("lengths", "word", "number", ("replace each {item} by its length", "take the length of every {item}"),
        ("the lengths of {of}",), ("len({x})",)),
    Map("vowel_counts", "word", "number", ("replace each {item} by its number of vowels", "count the vowels of every {item}"),
        ("the vowel counts of {of}",), ('sum(c in "aeiou" for c in {x})',)),
)  # fmt: skip

WORD_REARRANGES = (
    Rearrange("alphabetical", "word", ("sort the {items} alphabetically", "put the {items} in alphabetical order"),
              ("{v}.sort()", "{v} = sorted({v})")),
    Rearrange("by_length", "word", ("sort the {items} by length, ties alphabetically",
                                    "order the {items} from short to long, equal lengths alphabetically"),
              ("{v}.sort(key=lambda {x}: (len({x}), {x}))",)),
    Rearrange("words_reversed", "word", ("reverse the order of the {items}", "put the {items} in reverse order"),
              ("{v} = {v}[::-1]", "{v}.reverse()")),
    Rearrange("words_distinct", "word", ("remove repeated {items}, keeping first occurrences", "keep only the first copy of each {item}"),
              ("{v} = list(dict.fromkeys({v}))",)),
    Rearrange("first_words", "word", ("keep only the first {c} {items}",), ("{v} = {v}[:{c}]",), (2, 3, 4)),
    Rearrange("odd_words", "word", ("take every second one of the {items}, starting with the first",), ("{v} = {v}[::2]",)),
)  # fmt: skip

WORD_REDUCES = (
    Reduce("word_count", "word", ("the number of {of}", "how many {of} there are"), ("len({v})",)),
    Reduce("longest", "word", ("the longest of {of} (the first one on ties)",), ("max({v}, key=len)",), empty=False, gives="word"),
    Reduce("shortest", "word", ("the shortest of {of} (the first one on ties)",), ("min({v}, key=len)",), empty=False, gives="word"),
    Reduce("first_word", "word", ("the first of {of} in alphabetical order", "the alphabetically smallest of {of}"),
           ("min({v})",), empty=False, gives="word"),
    Reduce("last_word", "word", ("the last of {of} in alphabetical order", "the alphabetically largest of {of}"),
           ("max({v})",), empty=False, gives="word"),
    Reduce("total_length", "word", ("the total length of {of}", "the number of letters in {of} together"),
           ("sum(len({x}) for {x} in {v})",)),
    Reduce("different_words", "word", ("the number of different ones among {of}",), ("len(set({v}))",)),
    Reduce("words_sorted", "word", ("whether {of} are in alphabetical order",), ("{v} == sorted({v})",), verdict=True),
)  # fmt: skip

LETTER_FILTERS = (
    Filter("vowels", "letter", ("are vowels",), ("are not vowels",), ('{x} in "aeiou"',)),
    Filter("consonants", "letter", ("are not vowels",), ("are vowels",), ('{x} not in "aeiou"',)),
    Filter("digits", "letter", ("are digits",), ("are not digits",), ("{x}.isdigit()",)),
    Filter("letters", "letter", ("are letters",), ("are not letters",), ("{x}.isalpha()",)),
    Filter("capitals", "letter", ("are capital letters", "are upper-case letters"), ("are not upper-case letters",), ("{x}.isupper()",)),
    Filter("small", "letter", ("are lower-case letters", "are small letters"), ("are not lower-case letters",), ("{x}.islower()",)),
    Filter("before_m", "letter", ("come before m in the alphabet",), ("do not come before m in the alphabet",), ('{x} < "m"',)),
    Filter("not_a", "letter", ("are not the letter a", "differ from a"), ("are equal to a",), ('{x} != "a"',)),
)  # fmt: skip

LETTER_MAPS = (
    Map("upper", "letter", "letter", ("convert all {items} to upper case", "make every {item} upper case"),
        ("the upper-case forms of {of}",), ("{x}.upper()",)),
    Map("lower", "letter", "letter", ("convert all {items} to lower case", "make every {item} lower case"),
        ("the lower-case forms of {of}",), ("{x}.lower()",)),
    Map("swapped", "letter", "letter", ("swap upper and lower case", "change the case of every {item}"),
        ("the case-swapped forms of {of}",), ("{x}.swapcase()",)),
    Map("repeated", "letter", "letter", ("repeat each {item} {c} times", "write every {item} {c} times in a row"),
        ("{c} copies of each of {of}",), ("{x} * {c}",), (2, 3, 4)),
    Map("starred", "letter", "letter", ("replace every vowel by a star", "put * in place of each vowel"),
        ("the starred forms of {of}",), ('"*" if {x} in "aeiou" else {x}',)),
    Map("codes", "letter", "number", ("replace each {item} by its character code", "take the character code of every {item}"),
        ("the character codes of {of}",), ("ord({x})",)),
)  # fmt: skip

LETTER_REARRANGES = (
    Rearrange("string_reversed", "letter", ("reverse the string", "write the string backwards"), ("{v} = {v}[::-1]",)),
    Rearrange("string_sorted", "letter", ("sort the {items}", "put the {items} in alphabetical order"), ('{v} = "".join(sorted({v}))',)),
    Rearrange("string_distinct", "letter", ("remove repeated {items}, keeping first occurrences", "keep only the first copy of each {item}"),
              ('{v} = "".join(dict.fromkeys({v}))',)),
    Rearrange("string_prefix", "letter", ("keep only the first {c} {items}",), ("{v} = {v}[:{c}]",), (2, 3, 4, 5)),
    Rearrange("string_suffix", "letter", ("keep only the last {c} {items}",), ("{v} = {v}[-{c}:]",), (2, 3, 4, 5)),
    Rearrange("string_odd", "letter", ("take every second one of the {items}, starting with the first",), ("{v} = {v}[::2]",)),
    Rearrange("string_rotated", "letter", ("move the first {item} to the end",), ("{v} = {v}[1:] + {v}[:1]",)),
    Rearrange("mirrored", "letter", ("append the reversed string", "write the reversed string behind it"), ("{v} = {v} + {v}[::-1]",)),
)  # fmt: skip

LETTER_REDUCES = (
    Reduce("string_length", "letter", ("the number of {of}", "how many {of} there are"), ("len({v})",)),
    Reduce("different_letters", "letter", ("the number of different ones among {of}",), ("len(set({v}))",)),
    Reduce("common_letter", "letter", ("the most frequent (the alphabetically first on ties) of {of}",),
           ("min({v}, key=lambda {x}: (-{v}.count({x}), {x}))",), empty=False, gives="letter"),
    Reduce("is_palindrome", "letter", ("whether {of} form a palindrome", "whether {of} read the same backwards"),
           ("{v} == {v}[::-1]",), verdict=True),
    Reduce("letters_distinct", "letter", ("whether {of} are all different",), ("len(set({v})) == len({v})",), verdict=True),
    Reduce("letter_max", "letter", ("the alphabetically last of {of}",), ("max({v})",), empty=False, gives="letter"),
    Reduce("letter_pairs", "letter", ("how many neighbouring pairs among {of} are equal",),
           ("sum(1 for i in range(1, len({v})) if {v}[i] == {v}[i - 1])",)),
)  # fmt: skip
