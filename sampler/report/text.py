"""Text from a model, made safe to look at.

Escaping for HTML is the template engine's work. What it leaves through are characters that HTML cannot
hold (NUL, lone surrogates) and characters that make text look like what it is not (terminal escapes,
bidirectional overrides, invisible ones). Each of those becomes a mark that can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_DECEPTIVE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\xad\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff"  # soft hyphen, invisible ones, directional marks
    "\u2028\u2029"  # line ends that are newlines to some readers and not to others
    "\u202a-\u202e\u2066-\u206f"  # bidirectional overrides, isolates, and their deprecated kin
    "\ud800-\udfff"  # lone surrogates: no UTF-8 stands for them
    "\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff"  # noncharacters, interlinear marks
    "\U000e0000-\U000e007f"  # tags: a whole invisible alphabet
    "]"
)
_CONTROL_PICTURES = 0x2400  # U+2400 SYMBOL FOR NULL and the 31 after it
_LAST_C0 = 0x1F
_DEL = 0x7F


def visible(text: str) -> str:
    r"""`text` with every deceptive or unwritable character replaced by a mark; tab and newline stay.

    C0 controls and DEL become their control pictures (NUL is "␀", ESC is "␛"), all others their code
    point, such as "⟨U+202E⟩". A "\r\n" becomes a newline, which is what it means. The result can be
    encoded as UTF-8.
    """
    return _DECEPTIVE.sub(_mark, text.replace("\r\n", "\n"))


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= _LAST_C0:
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == _DEL else f"⟨U+{code:04X}⟩"


def cut(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters of `text`, and how many were left out."""
    return text[:limit], max(0, len(text) - limit)


def index_ranges(indices: Iterable[int]) -> str:
    """Indices, in ascending order, as text: [0, 1, 2, 7] is "0-2, 7"."""
    ranges: list[tuple[int, int]] = []
    for index in indices:
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
