"""From a completion's text to the program in it: one pure function, so that rows can be extracted again.

Rules, the first that applies is named in the row:

    opened_fence    the prompt ended inside an opened code fence: the program runs to the closing fence
    last_fence      the last closed fence marked as this language, else the last closed fence of any kind
    unclosed_fence  a fence was opened and the text ended inside it (the length limit)
    whole_text      no fence at all, and the text reads as a program: it compiles
    none            there is no program: NO_CODE
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from judge.verdict import Program
from sampler.fences import fenced_blocks

_MARKS = {"python": {"python", "python3", "py", "py3"}}


@dataclass(frozen=True)
class Extraction:
    """The program found in a completion (None: NO_CODE) and the name of the rule that found it."""

    program: Program | None
    rule: str


def extract_program(text: str, *, opens_fence: bool, language: str = "python") -> Extraction:
    """Find the program in a completion.

    Args:
        text: the completion.
        opens_fence: whether the prompt ended inside an opened code fence.
        language: the language that was asked for.
    """
    blocks = list(fenced_blocks(text, opens_fence=opens_fence))
    if opens_fence:
        return _extraction(blocks[0].text, "opened_fence", language)
    closed = [block for block in blocks if block.closing]
    marked = [block for block in closed if block.mark.lower() in _MARKS.get(language, {language})]
    if closed:
        return _extraction((marked or closed)[-1].text, "last_fence", language)
    if blocks:
        return _extraction(blocks[-1].text, "unclosed_fence", language)
    if language == "python" and _is_python(text):
        return _extraction(text, "whole_text", language)
    return Extraction(None, "none")


def _extraction(text: str, rule: str, language: str) -> Extraction:
    if not text.strip():
        return Extraction(None, "none")
    return Extraction(Program(language, text.strip("\n") + "\n"), rule)


def _is_python(text: str) -> bool:
    """Whether the text compiles and does something: a lone word or number compiles too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in body)
