"""Training documents: prompts as the pipeline builds them, each followed by its solution."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from demo_documents.pipelines import draw_pipeline
from demo_documents.scalars import draw_commands, draw_formula, draw_records
from demo_documents.specification import Specification
from demo_documents.tables import draw_grid, draw_queries, draw_two_lists
from problems import Problem
from sampler.prompting import Example, FewShotSets, Layout, build_prompts
from sampler.prompting.pieces import problem_statement, render_solution

Family = Callable[[random.Random, int, bool], Specification]  # (rng, most steps of a pipeline, focused)

_FAMILIES: tuple[tuple[Family, int], ...] = (
    (lambda rng, most, focused: draw_pipeline(rng, "number", most, focused), 50),
    (lambda rng, most, focused: draw_pipeline(rng, "word", most, focused), 11),
    (lambda rng, most, focused: draw_pipeline(rng, "letter", most, focused), 11),
    (lambda rng, *_: draw_grid(rng), 7),
    (lambda rng, *_: draw_queries(rng), 5),
    (lambda rng, *_: draw_two_lists(rng), 6),
    (lambda rng, *_: draw_formula(rng), 5),
    (lambda rng, *_: draw_records(rng), 3),
    (lambda rng, *_: draw_commands(rng), 2),
)


@dataclass(frozen=True)
class Span:
    """A stretch of a document's text: a prompt's, or a program's with the fence that closes it."""

    text: str
    kind: Literal["prompt", "solution"]


@dataclass(frozen=True)
class Document:
    """One training document; its text is that of its spans, the end-of-text token follows."""

    spans: tuple[Span, ...]
    specifications: tuple[Specification, ...]  # the problem to be solved, then its examples

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(span.text for span in self.spans)


def draw_specification(rng: random.Random, most_steps: int = 3, focused: bool = False) -> Specification:
    """A problem of a random family."""
    families, weights = zip(*_FAMILIES, strict=True)
    return rng.choices(families, weights)[0](rng, most_steps, focused)


@dataclass(frozen=True)
class DocumentPlan:
    """All that a document is a function of."""

    seed: str
    examples: int  # solved examples besides the problem
    layout: Layout
    most_steps: int = 3  # of a pipeline problem
    samples: bool = True  # whether statements show sample tests
    focused: bool = False  # whether most steps come from a narrower choice

    def specifications(self) -> tuple[Specification, ...]:
        """The problem to be solved, then the examples; titles differ, since a title names a problem."""
        rng = random.Random(self.seed)
        drawn: dict[str, Specification] = {}
        while len(drawn) < 1 + self.examples:
            specification = draw_specification(rng, self.most_steps, self.focused)
            if not self.samples:
                specification = replace(specification, inputs=())
            drawn.setdefault(specification.title, specification)
        return tuple(drawn.values())

    def document(self) -> Document:
        """The document: the problem in the prompt of the layout, then its program.

        Raises:
            GenerationError: a program fails on an input of its own problem.
        """
        specifications = self.specifications()
        target, *others = [specification.problem() for specification in specifications]
        shown = [_example(p, s.program) for p, s in zip(others, specifications[1:], strict=True)]
        sets = FewShotSets.deal(shown, sets=1, size=self.examples, seed=0)
        (prompt,) = build_prompts([target], sets, samples=1, layout=self.layout)
        assert prompt.text is not None
        spans = _split(prompt.text, [example.program for example in sets.sets[0]])
        spans.append(Span(_fenced(specifications[0].program), "solution"))
        return Document(tuple(spans), specifications)


def _example(problem: Problem, program: str) -> Example:
    return Example(problem.problem_id, problem.title, problem_statement(problem), program)


def _split(text: str, programs: Sequence[str]) -> list[Span]:
    """The prompt's text, with the solutions of its examples, given in their order, as spans of their own."""
    spans, position = [], 0
    for part in map(_fenced, programs):
        start = text.index(part, position)
        spans += [Span(text[position:start], "prompt"), Span(part, "solution")]
        position = start + len(part)
    return [*spans, Span(text[position:], "prompt")]


def _fenced(program: str) -> str:
    return render_solution(program).rstrip("\n")
