from __future__ import annotations

import pytest

from problems import Problem, TestCase
from sampler.prompting import Example, FewShotSets, build_prompts, render_problem
from sampler.prompting.pieces import render_cue

EXAMPLES = [Example(f"e{i}", f"Title {i}", f"Statement {i}.", f"print({i})") for i in range(4)]


def make_problem(problem_id: str) -> Problem:
    tests = (TestCase("sample/1", b"1 2\n", b"3\n", sample=True), TestCase("secret/1", b"hidden\n", b"9\n"))
    return Problem(
        problem_id=problem_id, title=f"The {problem_id}", statement="Add.\n\n## Input\n\nTwo.", tests=tests
    )


PROBLEMS = [make_problem("p"), make_problem("q")]
SETS = FewShotSets.deal(EXAMPLES, sets=2, size=2, seed=0)


def test_samples_are_dealt_over_the_sets_and_all_are_there():
    prompts = list(build_prompts(PROBLEMS, SETS, samples=5))
    assert [(p.prompt_id, p.sample_indices) for p in prompts] == [
        ("p/0", (0, 2, 4)),
        ("p/1", (1, 3)),
        ("q/0", (0, 2, 4)),
        ("q/1", (1, 3)),
    ]


def common_characters(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def test_fewshot_first_goes_set_by_set():
    prompts = list(build_prompts(PROBLEMS, SETS, samples=5, layout="fewshot-first"))
    assert [(p.prompt_id, p.sample_indices) for p in prompts] == [
        ("p/0", (0, 2, 4)),
        ("q/0", (0, 2, 4)),
        ("p/1", (1, 3)),
        ("q/1", (1, 3)),
    ]


@pytest.mark.parametrize("layout", ["problem-first", "fewshot-first"])
def test_neighbours_share_the_most(layout):
    """Tree order: what two prompts share, every prompt between them shares too."""
    texts = [p.text for p in build_prompts([*PROBLEMS, make_problem("r")], SETS, samples=2, layout=layout)]
    assert len(texts) == 6
    for low in range(len(texts)):
        for high in range(low + 1, len(texts)):
            shared = common_characters(texts[low], texts[high])
            assert all(common_characters(texts[low], text) >= shared for text in texts[low + 1 : high])


def test_problems_may_be_a_generator():
    made = list(build_prompts(iter(PROBLEMS), SETS, samples=2, layout="fewshot-first"))
    assert [p.prompt_id for p in made] == ["p/0", "q/0", "p/1", "q/1"]


def test_more_sets_than_samples_make_no_empty_prompt():
    assert [p.prompt_id for p in build_prompts(PROBLEMS[:1], SETS, samples=1)] == ["p/0"]


def test_problem_first_shares_the_statement_and_comes_back_to_it():
    first, second = list(build_prompts(PROBLEMS[:1], SETS, samples=2))
    opening = render_problem(PROBLEMS[0])
    assert first.text.startswith(opening)
    assert second.text.startswith(opening)
    assert first.text.endswith(render_cue("The p"))
    assert first.opens_fence
    assert first.path == ("problem:p", "fewshot:0")
    for example in SETS.sets[0]:
        solved = f"{render_cue(example.title)}{example.program}\n```\n\n"
        assert solved in first.text
        assert solved not in second.text


def test_fewshot_first_shares_the_examples_over_all_problems():
    of_p, of_q = list(build_prompts(PROBLEMS, FewShotSets(SETS.sets[:1]), samples=1, layout="fewshot-first"))
    shared = of_p.text[: of_p.text.index(render_problem(PROBLEMS[0]))]
    assert of_q.text.startswith(shared)
    assert all(example.program in shared for example in SETS.sets[0])
    assert of_p.text == shared + render_problem(PROBLEMS[0]) + render_cue("The p")
    assert of_p.path == ("fewshot:0", "problem:p")


def test_the_statement_shows_samples_and_never_hidden_tests():
    text = render_problem(PROBLEMS[0])
    assert "## Sample 1\n\nInput:\n1 2\n\nOutput:\n3\n" in text
    assert "hidden" not in text


@pytest.mark.parametrize("layout", ["problem-first", "fewshot-first"])
def test_a_chat_template_renders_one_user_message(layout):
    prompts = list(
        build_prompts(
            PROBLEMS, SETS, samples=2, layout=layout, render_chat=lambda text: f"<user>{text}</user>"
        )
    )
    for prompt in prompts:
        assert prompt.text.startswith("<user>")
        assert prompt.text.endswith("</user>")
        assert not prompt.add_special_tokens
        assert not prompt.opens_fence
    assert "“The p”" in prompts[0].text


def test_without_few_shot_the_prompt_is_problem_and_cue():
    (prompt,) = build_prompts(PROBLEMS[:1], FewShotSets(((),)), samples=3)
    assert prompt.text == render_problem(PROBLEMS[0]) + render_cue("The p")
    assert prompt.sample_indices == (0, 1, 2)
