"""Full prompts of all samples, in tree order.

    problem-first    statement -> few-shot set -> cue -> samples      (default)
    fewshot-first    few-shot set -> statement -> cue -> samples      (sets shared by all problems)

Prompts come in the order of the tree's branches, so that neighbours share the most: problem by problem in
the first layout, set by set in the second.

A prompt is one string. What prompts share is found later, on the tokens of the whole string. With a
chat template the same pieces make one user message, and the tokenizer's template renders it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from problems import Problem
from sampler.core import Prompt
from sampler.prompting.few_shot import Example, FewShotSets
from sampler.prompting.pieces import render_cue, render_problem, render_solution, render_statement

Layout = Literal["problem-first", "fewshot-first"]
RenderChat = Callable[[str], str]  # user message -> the prompt as the tokenizer's chat template gives it

_CHAT_REQUEST = (
    "Now solve the problem “{title}”. Reply with one complete Python 3 program, in a ```python code "
    "block, that reads standard input and writes standard output."
)


def build_prompts(
    problems: Iterable[Problem],
    few_shot: FewShotSets,
    samples: int,
    layout: Layout = "problem-first",
    render_chat: RenderChat | None = None,
) -> Iterator[Prompt]:
    """Yield all prompts in tree order; sample i is drawn from few-shot set i mod (number of sets).

    Args:
        problems: what is to be solved.
        few_shot: the few-shot sets; one empty set for none.
        samples: samples a problem.
        layout: which piece stands at the root of the tree.
        render_chat: the chat template to use, None for a plain completion prompt.

    Raises:
        FewShotError: a problem is a few-shot example itself and nothing can take its place.
    """
    numbers = range(min(len(few_shot.sets), samples))  # a set without samples makes no prompt
    if layout == "problem-first":
        places = ((problem, number) for problem in problems for number in numbers)
    else:
        every = list(problems)
        places = ((problem, number) for number in numbers for problem in every)
    for problem, number in places:
        examples = few_shot.for_problem(problem)[number]
        indices = tuple(range(number, samples, len(few_shot.sets)))
        yield _prompt(problem, number, examples, indices, layout, render_chat)


def _prompt(
    problem: Problem,
    number: int,
    examples: tuple[Example, ...],
    indices: tuple[int, ...],
    layout: Layout,
    render_chat: RenderChat | None,
) -> Prompt:
    shown = "".join(_solved(example) for example in examples)
    asked = render_problem(problem)
    names = (f"problem:{problem.problem_id}", f"fewshot:{number}")
    body, path = (asked + shown, names) if layout == "problem-first" else (shown + asked, names[::-1])
    if render_chat is None:
        text = body + render_cue(problem.title)
    else:
        text = render_chat(body + _CHAT_REQUEST.format(title=problem.title))
    return Prompt(
        prompt_id=f"{problem.problem_id}/{number}",
        text=text,
        samples=indices,
        problem_id=problem.problem_id,
        path=path,
        add_special_tokens=render_chat is None,
        opens_fence=render_chat is None,
    )


def _solved(example: Example) -> str:
    return (
        render_statement(example.title, example.statement)
        + render_cue(example.title)
        + render_solution(example.program)
    )
