"""Every program that ships with the bundled problems gets the verdict that it must get."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from judge import Judge
from judge.validation import validate_problems
from problems import open_problems


@pytest.mark.slow
def test_bundled_problems_validate():
    problems = list(open_problems("bundled"))
    with Judge(jobs=os.cpu_count() or 1) as judge:
        rows = list(validate_problems(judge, problems))
    assert [(row.problem_id, row.submission, row.detail) for row in rows if not row.ok] == []
    assert len(rows) == sum(len(problem.submissions) for problem in problems)
    seen = Counter(str(row.judged) for row in rows)
    assert seen["AC"] >= len(problems)
    assert {"WA", "TLE", "RE", "MLE", "OLE"} <= set(seen)
