from __future__ import annotations

import pytest

from judge.rows import RowWriter
from sampler.report.tally import Fault, tally_run
from sampler.run_dir import RunDir, RunDirError


def test_counts_tokens_reasons_and_rules(make_run, sample, problem):
    run = make_run(
        [problem("a"), problem("b")],
        [
            sample("a", 0),
            sample("a", 1, "WA", finish_reason="length"),
            sample("b", 3, "NO_CODE", program=None),
        ],
    )
    tally = tally_run(run)
    assert (tally.drawn, tally.judged, tally.planned_per_problem) == (3, 3, 4)
    assert (tally.prompt_tokens, tally.shared_prompt_tokens, tally.new_tokens) == (300, 270, 21)
    assert tally.finish_reasons == {"stop": 2, "length": 1}
    assert tally.extraction_rules == {"fence": 2, "none": 1}
    assert (tally.problems["a"].n, tally.problems["a"].c) == (2, 1)
    assert tally.problems["b"].not_drawn(4) == [0, 1, 2]
    assert tally.duplicate_rows == 0


def test_a_fault_keeps_its_reason_and_is_not_in_n(make_run, sample, problem):
    detail = {"name": "", "message": "no sandbox"}
    run = make_run(
        [problem("a")], [sample("a", 0, "INTERNAL_ERROR", detail=detail), sample("a", 1, "INTERNAL_ERROR")]
    )
    tally = tally_run(run)
    assert tally.problems["a"].n == 0
    assert tally.problems["a"].faults == 2
    assert tally.faults == [
        Fault("a", 0, "no sandbox", attempts=3),
        Fault("a", 1, "no reason was recorded", attempts=3),
    ]


def test_drawn_but_not_judged(make_run, sample, problem):
    tally = tally_run(make_run([problem("a")], [sample("a", 2, None), sample("a", 0)]))
    assert tally.problems["a"].not_judged() == [2]
    assert tally.problems["a"].not_drawn(4) == [1, 3]


def test_a_doubled_key_counts_once_and_is_said(make_run, sample, problem):
    run = make_run([problem("a")], [sample("a", 0, "INTERNAL_ERROR"), sample("a", 0, "AC")])
    tally = tally_run(run)
    assert (tally.drawn, tally.judged, tally.problems["a"].c) == (1, 1, 1)
    assert tally.duplicate_rows == 2
    assert tally.faults == []
    assert tally.new_tokens == 7


def test_refuses_rows_of_another_run(make_run, sample, problem):
    with pytest.raises(RunDirError, match=r"problem 'b', sample 0, does not belong to this run"):
        tally_run(make_run([problem("a")], [sample("b", 0)]))


def test_refuses_an_unknown_verdict(make_run, sample, problem):
    with pytest.raises(RunDirError, match=r"says 'MAYBE'; a verdict is one of AC, WA"):
        tally_run(make_run([problem("a")], [sample("a", 0, "MAYBE")]))


@pytest.mark.parametrize("manifest", ["{}", '{"problems": 3}', '{"problems": [{"title": "x"}]}'])
def test_refuses_a_manifest_without_problems(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(RunDirError, match=r"manifest\.json does not list the run's problems"):
        tally_run(RunDir(tmp_path))


def test_reads_every_part_and_ignores_a_torn_row(make_run, sample, problem):
    run = make_run([problem("a")], [sample("a", 0)])
    with RowWriter(run.path / "samples-1.jsonl") as rows:
        rows.append(sample("a", 1).sample_row())
    with (run.path / "samples-1.jsonl").open("a") as torn:
        torn.write('{"problem_id": "a", "sample_in')
    assert tally_run(run).problems["a"].drawn == {0, 1}
