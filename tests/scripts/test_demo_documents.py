"""The generator of the demo model's training documents."""

from __future__ import annotations

import random

import pytest
from demo_documents import (
    DocumentPlan,
    GenerationError,
    draw_specification,
    numbers,
    run_program,
    tables,
    words,
)
from demo_documents.held_out import is_held_out, is_held_out_pair
from demo_documents.pipelines import draw_pipeline
from demo_documents.programs import Style, reduce_lines

from sampler.extraction import extract_program


def test_a_document_is_a_function_of_its_plan():
    plan = DocumentPlan("7:mixture:3", 1, "problem-first")
    assert plan.document() == plan.document()
    assert plan.document() != DocumentPlan("7:mixture:4", 1, "problem-first").document()


@pytest.mark.parametrize("layout", ["problem-first", "fewshot-first"])
@pytest.mark.parametrize("examples", [0, 1, 2])
def test_a_document_is_a_prompt_and_its_solutions(layout, examples):
    document = DocumentPlan(f"1:{examples}", examples, layout).document()
    target, *others = document.specifications
    solutions = [span.text for span in document.spans if span.kind == "solution"]
    assert solutions == [*(f"{s.program}\n```" for s in _dealt(document, others)), f"{target.program}\n```"]
    assert document.text.endswith(f"# Solution to: {target.title}\n\n```python\n{target.program}\n```")
    first = target.title if layout == "problem-first" or not examples else _dealt(document, others)[0].title
    assert document.text.startswith(f"# Problem: {first}\n\n")


def _dealt(document, others):
    return sorted(others, key=lambda s: document.text.index(f"# Solution to: {s.title}\n"))


def test_a_brief_document_has_one_step_and_no_samples():
    for number in range(50):
        document = DocumentPlan(f"brief:{number}", 0, "problem-first", most_steps=1, samples=False).document()
        (target,) = document.specifications
        assert "## Sample" not in document.text
        assert not target.family.startswith("pipeline") or len(target.operations) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_programs_run_on_their_inputs(seed):
    rng = random.Random(seed)
    for _ in range(100):
        problem = draw_specification(rng).problem()
        assert len(problem.sample_tests) == 2
        assert "## Input\n\n" in problem.statement
        assert "## Output\n\n" in problem.statement
        assert "## Constraints\n\n- " in problem.statement
        assert "{" not in problem.statement


def test_every_family_and_more_than_forty_operations_appear():
    rng = random.Random(5)
    drawn = [draw_specification(rng) for _ in range(3000)]
    assert {s.family for s in drawn} >= {"grid", "queries", "two-lists", "formula", "records", "commands"}
    assert len({name for s in drawn for name in s.operations}) >= 150
    assert {len(s.operations) for s in drawn if s.family == "pipeline-number"} == {1, 2, 3, 4}


def test_held_out_pairs_are_never_drawn():
    rng = random.Random(6)
    drawn = [draw_pipeline(rng, kind) for kind in ("number", "word", "letter") for _ in range(400)]
    assert not any(is_held_out(s.operations) for s in drawn)
    names = [f.name for f in numbers.FILTERS]
    share = sum(is_held_out_pair(a, b) for a in names for b in names) / len(names) ** 2
    assert 0.05 < share < 0.25


@pytest.mark.parametrize(
    "blocks",
    [numbers.REDUCES, words.WORD_REDUCES, words.LETTER_REDUCES],
    ids=["numbers", "words", "letters"],
)
def test_alternative_codes_of_a_reduction_agree(blocks):
    values = {"number": [4, 1, 7, 7, 2], "word": ["tea", "apple", "tea"], "letter": "abcab"}
    for block in blocks:
        results = set()
        for seed in range(6):
            style = Style.draw(random.Random(seed))
            setup, value = reduce_lines(random.Random(seed), style, block.kind, block, "2")
            name = style.lists[block.kind]
            lines = ["import math", f"{name} = {values[block.kind]!r}", *setup, f"print({value})"]
            results.add(run_program("\n".join(lines), ""))
        assert len(results) == 1, block.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sum", "21"), ("mode", "7"), ("median", "4"), ("biggest_gap", "6"), ("alternating", "5"), ("gcd", "1")],
)
def test_reductions_by_hand(name, expected):
    (block,) = (r for r in numbers.REDUCES if r.name == name)
    rng, style = random.Random(0), Style.draw(random.Random(0))
    setup, value = reduce_lines(rng, style, "number", block, "", target="a")
    program = "\n".join(["import math", "a = [4, 1, 7, 7, 2]", *setup, f"print({value})"])
    assert run_program(program, "").strip() == expected


def test_a_query_block_by_hand():
    (query,) = (q for q in tables._QUERIES if q.name == "segment_sum")
    assert eval(query.code.format(v="a"), {"a": [5, 6, 7], "l": 2, "r": 3}) == 13


def test_a_failing_program_is_an_error():
    with pytest.raises(GenerationError, match="ZeroDivisionError"):
        run_program("print(1 // 0)", "")


def test_the_pipeline_extracts_the_program_of_a_document():
    document = DocumentPlan("3", 0, "problem-first").document()
    found = extract_program(document.spans[-1].text.removesuffix("```"), opens_fence=True)
    assert found.program.text.strip() == document.specifications[0].program
