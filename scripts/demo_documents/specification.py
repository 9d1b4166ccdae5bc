"""A generated problem before it is solved, and the check that its programs agree."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass

from problems import Problem, TestCase
from sampler.prompting.pieces import render_problem


class GenerationError(Exception):
    """A generated program failed on a generated input: a fault of the generator."""


@dataclass(frozen=True)
class Specification:
    """A generated problem: its words, a correct program and inputs whose answers the program gives."""

    family: str
    operations: tuple[str, ...]  # names of its blocks, in the order of use
    title: str
    statement: str
    program: str
    inputs: tuple[str, ...]

    def problem(self) -> Problem:
        """The problem with its sample tests, solved by the program.

        Raises:
            GenerationError: the program fails on one of the inputs.
        """
        tests = tuple(
            TestCase(f"sample/{i}", text.encode(), run_program(self.program, text).encode(), sample=True)
            for i, text in enumerate(self.inputs, 1)
        )
        return Problem(self.title, self.title, self.statement, tests)

    def rendered(self) -> str:
        """The problem as a prompt shows it."""
        return render_problem(self.problem())


def statement_text(task: str, given: str, wanted: str, constraints: str) -> str:
    """A statement in Markdown, with the headings of the bundled problems; '; ' separates constraints."""
    bullets = "\n".join(f"- {line}" for line in constraints.split("; "))
    return f"{task}\n\n## Input\n\n{given}\n\n## Output\n\n{wanted}\n\n## Constraints\n\n{bullets}"


def run_program(program: str, text: str) -> str:
    """What one of our own generated programs prints on `text`.

    It runs in this process: not for programs of any other origin.

    Raises:
        GenerationError: it raised.
    """
    output, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(program, "<generated>", "exec"), {"__name__": "__main__"})
    except Exception as error:
        raise GenerationError(f"{error!r} from the program\n{program}\non the input\n{text}") from error
    finally:
        sys.stdin = stdin
    return output.getvalue()
