"""The pieces of which a prompt's text is made.

A solved example is a problem followed by the cue and a program, so the examples show exactly the way
from the cue to a program that the model is then asked to go:

    # Problem: TITLE            render_problem
    statement, samples
    # Solution to: TITLE        render_cue
    ```python
    program                     render_solution
    ```
"""

from __future__ import annotations

from problems import Problem

FENCE = "```"


def render_problem(problem: Problem) -> str:
    """The problem as a prompt states it: title, statement, sample tests."""
    return render_statement(problem.title, problem_statement(problem))


def problem_statement(problem: Problem) -> str:
    """The statement with its sample tests, without the title."""
    parts = [problem.statement.strip()]
    for number, test in enumerate(problem.sample_tests, 1):
        parts.append(
            f"## Sample {number}\n\nInput:\n{_shown(test.input())}\n\nOutput:\n{_shown(test.answer())}"
        )
    return "\n\n".join(parts)


def render_statement(title: str, statement: str) -> str:
    """The opening piece of a problem; it ends with an empty line, so that pieces can follow each other."""
    return f"# Problem: {title}\n\n{statement.strip()}\n\n"


def render_cue(title: str, language: str = "python") -> str:
    """The opening of a branch: it names the problem, far above by now, and opens the fence of its program."""
    return f"# Solution to: {title}\n\n{FENCE}{language}\n"


def render_solution(program: str) -> str:
    """A program, and the fence that closes it."""
    return f"{program.strip()}\n{FENCE}\n\n"


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip()
