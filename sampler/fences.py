"""Code fences in a completion, as in Markdown: what extraction finds programs by, and sampling may end at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKS = ("```", "~~~")  # every fence line begins with one of these
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*`{3,}.*$", re.MULTILINE)  # of a fence that the prompt opened


@dataclass(frozen=True)
class Block:
    """A fenced block: the language it is marked with, its text, and where its closing line lies."""

    mark: str
    text: str
    closing: tuple[int, int] | None  # begin and end, without the line break; None: the text ends inside


def fenced_blocks(text: str, *, opens_fence: bool) -> Iterator[Block]:
    """The blocks in order; a fence closes with at least as many of the same mark.

    Args:
        text: a completion.
        opens_fence: whether the prompt ended inside an opened fence. Then there is one block, that one.
    """
    if opens_fence:
        closing = _CLOSING.search(text)
        yield Block("", text[: closing.start()] if closing else text, closing and closing.span())
        return
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2]:
            yield Block(opened[2], text[opened.end() + 1 : fence.start()], fence.span())
            opened = None
    if opened is not None:
        yield Block(opened[2], text[opened.end() + 1 :], None)


def closed_fence_end(text: str, *, opens_fence: bool) -> int | None:
    """Where the line after the first closed fence begins; None where no complete line closes a fence."""
    complete = text[: text.rfind("\n") + 1]
    block = next(fenced_blocks(complete, opens_fence=opens_fence), None)
    return None if block is None or block.closing is None else block.closing[1] + 1
