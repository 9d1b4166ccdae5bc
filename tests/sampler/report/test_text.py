from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.report.text import cut, index_ranges, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("naïve 日本 🍎 é", "naïve 日本 🍎 é"),
        ("a\x00b", "a␀b"),
        ("\x1b[31mred\x7f", "␛[31mred␡"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
        ("\x85\x9b", "⟨U+0085⟩⟨U+009B⟩"),
        ("\ud800x\udfff", "⟨U+D800⟩x⟨U+DFFF⟩"),
        ("if \u202eadmin\u2069:", "if ⟨U+202E⟩admin⟨U+2069⟩:"),
        ("\u2028\u2029", "⟨U+2028⟩⟨U+2029⟩"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\ufdd0\uffff", "⟨U+FDD0⟩⟨U+FFFF⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
def test_every_directional_control_is_marked(code: int) -> None:
    assert visible(chr(code)) == f"⟨U+{code:04X}⟩"


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_visible_text_can_be_written_and_read_and_is_stable(text: str) -> None:
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert visible(shown) == shown
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown if c not in "\t\n")


@pytest.mark.parametrize(
    ("indices", "said"),
    [([], ""), ([3], "3"), ([0, 1, 2, 7], "0-2, 7"), ([1, 3, 4], "1, 3-4"), (range(1000), "0-999")],
)
def test_index_ranges(indices: list[int], said: str) -> None:
    assert index_ranges(indices) == said


def test_cut_says_how_much_is_left_out() -> None:
    assert cut("abcdef", 4) == ("abcd", 2)
    assert cut("abc", 4) == ("abc", 0)
