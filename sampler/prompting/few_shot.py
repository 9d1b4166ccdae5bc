"""Few-shot examples: where they come from and which of them a prompt shows.

The sets are dealt once for the whole run, by the seed and the examples' own ids, so that all problems
share them. A problem never sees itself: where a set holds an example about the very problem, that
place, and no other, is taken by a reserve example.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from problems import Problem, open_problems
from sampler.prompting.pieces import problem_statement

_SAMPLES = re.compile(r"^## Sample\b.*", re.MULTILINE | re.DOTALL)


class FewShotError(Exception):
    """Few-shot examples that cannot be had; the text names the source and the remedy."""


@dataclass(frozen=True)
class Example:
    """A solved problem."""

    example_id: str
    title: str
    statement: str  # as problem_statement() gives it: without the title; sample tests may follow
    program: str

    def is_about(self, problem: Problem) -> bool:
        """Whether this is the same problem: by its id, or by the words of its task, samples left out."""
        if self.example_id == problem.problem_id:
            return True
        ours, theirs = _task(self.statement), _task(problem.statement)
        if ours or theirs:
            return ours == theirs
        return _words(self.statement) == _words(problem_statement(problem)) != ""


@dataclass(frozen=True)
class FewShotSets:
    """`sets`, each a tuple of equally many examples, and the examples left over, all in dealt order."""

    sets: tuple[tuple[Example, ...], ...]
    reserve: tuple[Example, ...] = ()

    @classmethod
    def deal(cls, examples: Iterable[Example], sets: int, size: int, seed: int) -> FewShotSets:
        """Deal `sets` disjoint sets of `size` examples by `seed`; 0 sets or size 0 gives one empty set.

        Raises:
            FewShotError: there are too few examples.
        """
        if sets == 0 or size == 0:
            return cls(sets=((),))
        dealt = sorted(examples, key=lambda e: hashlib.sha256(f"{seed}:{e.example_id}".encode()).digest())
        wanted = sets * size
        if len(dealt) < wanted:
            raise FewShotError(
                f"{sets} few-shot sets of {size} need {wanted} examples, the source has {len(dealt)}; "
                "lower few_shot.sets or few_shot.examples, or name a larger few_shot.source"
            )
        chunks = tuple(tuple(dealt[i * size : (i + 1) * size]) for i in range(sets))
        return cls(sets=chunks, reserve=tuple(dealt[wanted:]))

    def for_problem(self, problem: Problem) -> tuple[tuple[Example, ...], ...]:
        """The sets that this problem's prompts show.

        Raises:
            FewShotError: a set holds the problem itself and no reserve example can take its place.
        """
        spare = iter([e for e in self.reserve if not e.is_about(problem)])
        return tuple(
            tuple(self._other(problem, spare) if e.is_about(problem) else e for e in one) for one in self.sets
        )

    @staticmethod
    def _other(problem: Problem, spare: Iterable[Example]) -> Example:
        for example in spare:
            return example
        raise FewShotError(
            f"problem {problem.problem_id!r} is itself a few-shot example and no other is left to take its "
            "place; name a larger few_shot.source, or lower few_shot.sets or few_shot.examples"
        )


def load_examples(source: str) -> Sequence[Example]:
    """Read examples from a `.jsonl` file or from the reference solutions of a problem set.

    A line of the file is `{"id": .., "title": .., "statement": .., "program": ..}`. Of a problem set (any
    SPEC), every problem with an accepted Python solution is an example.

    Raises:
        FewShotError: the file is missing or malformed, or the problem set has no such solution.
        problems.ProblemError: the problem set cannot be opened.
    """
    examples = _from_file(Path(source)) if source.endswith(".jsonl") else _from_problems(source)
    if not examples:
        raise FewShotError(f"few_shot.source {source!r} holds no example with a Python solution")
    return examples


def _from_file(path: Path) -> list[Example]:
    try:
        # Not splitlines(): JSON may hold U+2028 and its like as they are.
        lines = path.expanduser().read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise FewShotError(f"few-shot file {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FewShotError(
            f"few-shot file {str(path)!r} is not UTF-8 ({error}); save it in that encoding"
        ) from error
    except RuntimeError as error:  # ~name, of a user who is not there
        raise FewShotError(f"few-shot file {str(path)!r}: {error}; write its path in full") from error
    return [_example(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _example(path: Path, number: int, line: str) -> Example:
    keys = ("id", "title", "statement", "program")
    try:
        row = json.loads(line)
        values = [row[key] for key in keys]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise FewShotError(
            f"{path}, line {number}: expected a JSON object with the keys {', '.join(keys)} ({error})"
        ) from error
    if not all(isinstance(value, str) for value in values):
        raise FewShotError(f"{path}, line {number}: the values of {', '.join(keys)} must be strings")
    if any("\ud800" <= character <= "\udfff" for value in values for character in value):
        raise FewShotError(f"{path}, line {number}: it escapes half of a surrogate pair, which is no text")
    return Example(*values)


def _from_problems(spec: str) -> list[Example]:
    examples = []
    for problem in open_problems(spec):
        program = next((s.text for s in problem.accepted if s.language == "python"), None)
        if program is not None:
            examples.append(Example(problem.problem_id, problem.title, problem_statement(problem), program))
    return examples


def _task(statement: str) -> str:
    """The words of a statement before its sample tests."""
    return _words(_SAMPLES.sub("", statement))


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()
