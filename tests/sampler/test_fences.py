"""Fenced blocks of a completion, and where the first closed one ends."""

from __future__ import annotations

import pytest

from sampler.fences import closed_fence_end, fenced_blocks


def kept(text: str, *, opens_fence: bool = False) -> str | None:
    end = closed_fence_end(text, opens_fence=opens_fence)
    return None if end is None else text[:end]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Here:\n```python\nx = 1\n```\nmore", "Here:\n```python\nx = 1\n```\n"),
        ("```\na\n```\n```\nb\n```\n", "```\na\n```\n"),
        ("```\na\n```", None),  # the line may go on
        ("```\na\n```python\nb\n", None),  # which it does: with a word, it opens and does not close
        ("````\n```\n````\n", "````\n```\n````\n"),  # as many marks at least
        ("~~~\n```\n~~~\n", "~~~\n```\n~~~\n"),
        ("```\nx\n", None),
        ("no fence\n", None),
        ("```\n  ```  \nrest\n", "```\n  ```  \n"),
        ("", None),
    ],
)
def test_the_first_closed_fence(text: str, expected: str | None) -> None:
    assert kept(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n```\nmore", "x = 1\n```\n"),
        ("x = 1\n```", None),
        ("```\n", "```\n"),
        ("x = '```'\n", None),  # not at the beginning of a line
        ("x\n```python\ny\n", "x\n```python\n"),
    ],
)
def test_the_fence_that_the_prompt_opened(text: str, expected: str | None) -> None:
    assert kept(text, opens_fence=True) == expected


def test_blocks() -> None:
    text = "```python\na\n```\ntext\n~~~\nb"
    assert [(b.mark, b.text, b.closing is not None) for b in fenced_blocks(text, opens_fence=False)] == [
        ("python", "a\n", True),
        ("", "b", False),
    ]
    (block,) = fenced_blocks("a\n```\nb\n```\n", opens_fence=True)
    assert (block.text, block.closing) == ("a\n", (2, 5))
