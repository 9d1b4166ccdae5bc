from __future__ import annotations

import json

import pytest

from problems import Problem, Submission, TestCase
from sampler.prompting import Example, FewShotError, FewShotSets, load_examples
from sampler.prompting.pieces import problem_statement


def make_problem(problem_id: str, statement: str = "", sample: bytes = b"1\n") -> Problem:
    return Problem(
        problem_id=problem_id,
        title=problem_id.title(),
        statement=statement or f"Do {problem_id}.",
        tests=(TestCase("sample/1", sample, b"2\n", sample=True),),
        submissions=(Submission("accepted/a.py", "python", "print(2)", frozenset({"AC"})),),
    )


EXAMPLES = [Example(f"e{i}", f"E{i}", f"Statement {i}.", f"print({i})") for i in range(7)]


def test_sets_are_disjoint_and_a_function_of_the_seed():
    sets = FewShotSets.deal(EXAMPLES, sets=3, size=2, seed=4)
    shown = [e.example_id for one in sets.sets for e in one]
    assert len(set(shown)) == 6
    assert len(sets.reserve) == 1
    assert sets == FewShotSets.deal(reversed(EXAMPLES), sets=3, size=2, seed=4)
    assert sets != FewShotSets.deal(EXAMPLES, sets=3, size=2, seed=5)


@pytest.mark.parametrize(("sets", "size"), [(0, 2), (2, 0)])
def test_zero_few_shot_is_one_empty_set(sets, size):
    assert FewShotSets.deal(EXAMPLES, sets, size, seed=0) == FewShotSets(sets=((),))


def test_too_few_examples_are_counted():
    with pytest.raises(FewShotError, match="need 8 examples, the source has 7"):
        FewShotSets.deal(EXAMPLES, sets=4, size=2, seed=0)


def test_a_problem_never_sees_itself_and_the_other_places_stay():
    sets = FewShotSets.deal(EXAMPLES, sets=3, size=2, seed=1)
    own = sets.sets[1][0]
    seen = sets.for_problem(make_problem(own.example_id))
    assert seen[1] == (sets.reserve[0], sets.sets[1][1])
    assert (seen[0], seen[2]) == (sets.sets[0], sets.sets[2])
    assert sets.for_problem(make_problem("stranger")) == sets.sets


def test_the_same_words_under_another_id_are_the_same_problem():
    sets = FewShotSets.deal(EXAMPLES, sets=1, size=6, seed=1)
    own = sets.sets[0][2]
    seen = sets.for_problem(make_problem("other-id", statement=f"  {own.statement.upper()}\n"))
    assert own not in seen[0]
    assert len(seen[0]) == 6


def test_a_statement_inside_another_is_another_problem():
    example = Example("e", "E", "Add. Then print the sum of all.", "print(1)")
    assert not example.is_about(make_problem("short", statement="Add."))
    assert not example.is_about(make_problem("longer", statement="Add. Then print the sum of all. Twice."))


def test_samples_make_no_difference():
    problem = make_problem("p", statement="Add.")
    assert Example("e", "E", problem_statement(problem), "").is_about(problem)
    assert Example("e", "E", "Add.", "").is_about(problem)
    assert Example("e", "E", "Add.\n\n## Sample 1\n\nanother one", "").is_about(problem)


def test_without_words_the_samples_decide():
    bare, other = make_problem("p", statement=" "), make_problem("q", statement="\n", sample=b"7\n")
    example = Example("e", "E", problem_statement(bare), "")
    assert example.is_about(bare)
    assert not example.is_about(other)
    assert not example.is_about(make_problem("r", statement="Add."))
    assert not Example("e", "E", "", "").is_about(bare)


def test_a_problem_that_cannot_be_replaced_is_refused():
    sets = FewShotSets.deal(EXAMPLES, sets=1, size=7, seed=1)
    with pytest.raises(FewShotError, match="'e3' is itself a few-shot example"):
        sets.for_problem(make_problem("e3"))


def test_examples_from_a_file(tmp_path):
    file = tmp_path / "shots.jsonl"
    row = {"id": "a", "title": "A", "statement": "Do it.", "program": "print(1)"}
    file.write_text(json.dumps(row) + "\n\n" + json.dumps(row | {"id": "b"}) + "\n", encoding="utf-8")
    assert [e.example_id for e in load_examples(str(file))] == ["a", "b"]


def test_line_separators_inside_text_end_no_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    row = {"id": "a", "title": "A", "statement": "Do\u2028it\x85.", "program": "print(1)"}
    (tmp_path / "shots.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert [e.statement for e in load_examples("~/shots.jsonl")] == ["Do\u2028it\x85."]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes("{é}".encode("latin-1"))
    with pytest.raises(FewShotError, match=r"latin\.jsonl' is not UTF-8"):
        load_examples(str(latin))
    with pytest.raises(FewShotError, match="write its path in full"):
        load_examples("~no-such-user/shots.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        '{"id": "a"}',
        '{"id":1,"title":"","statement":"","program":""}',
        r'{"id":"a","title":"","statement":"\ud800","program":""}',
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    file = tmp_path / "shots.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(FewShotError, match="line 1"):
        load_examples(str(file))


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(FewShotError, match=r"absent\.jsonl"):
        load_examples(str(tmp_path / "absent.jsonl"))
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(FewShotError, match="no example"):
        load_examples(str(tmp_path / "empty.jsonl"))


def test_examples_of_a_problem_set_are_its_reference_solutions():
    examples = load_examples("bundled?limit=3")
    assert len(examples) == 3
    assert all("## Sample 1" in e.statement and e.program.strip() for e in examples)
