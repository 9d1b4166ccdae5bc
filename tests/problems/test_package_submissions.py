from __future__ import annotations

from pathlib import Path

import pytest

from problems import ProblemError
from problems.sources.package import read_package
from problems.sources.package_submissions import MULTI_FILE, language_of


def submissions_of(make_package, files):
    files = {f"submissions/{name}": text for name, text in files.items()}
    problem = read_package(make_package({"submissions/accepted/sum.py": None, **files}))
    return {submission.name: submission for submission in problem.submissions}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accepted/a.py", {"AC"}),
        ("wrong_answer/a.py", {"WA"}),
        ("time_limit_exceeded/a.py", {"TLE"}),
        ("run_time_error/a.py", {"RE", "MLE"}),
        ("brute_force/a.py", {"AC", "TLE", "RE", "MLE"}),
    ],
)
def test_the_folder_says_the_verdict(make_package, name, expected):
    assert submissions_of(make_package, {name: "pass"})[name].expected_verdicts == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# @EXPECTED_RESULTS@: MLE", {"MLE"}),
        ("// @EXPECTED_RESULTS@: CORRECT, TIMELIMIT\r", {"AC", "TLE"}),
        ("/* @EXPECTED_RESULTS@: wrong-answer */", {"WA"}),
        ("-- @EXPECTED_RESULTS@: RUN_TIME_ERROR, Time_Limit_Exceeded", {"RE", "TLE"}),
        (
            "# @EXPECTED_RESULTS@: RUN-ERROR,MEMORY-LIMIT,OUTPUT-LIMIT,COMPILER-ERROR",
            {"RE", "MLE", "OLE", "CE"},
        ),
    ],
)
def test_an_annotation_overrides_the_folder(make_package, line, expected):
    found = submissions_of(make_package, {"mixed/a.py": f"import sys\n{line}\nprint(1)\n"})
    assert found["mixed/a.py"].expected_verdicts == expected


def test_an_annotation_behind_the_first_4_kib_does_not_count(make_package):
    text = "#" * 4096 + "\n# @EXPECTED_RESULTS@: MLE\n"
    found = submissions_of(make_package, {"wrong_answer/a.py": text})
    assert found["wrong_answer/a.py"].expected_verdicts == {"WA"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("wrong_answer/a.py", "# @EXPECTED_RESULTS@: SLOW", r"wrong_answer/a\.py.*unknown verdict 'SLOW'"),
        ("mixed/a.py", "pass", "'mixed' does not say which verdict is expected"),
    ],
)
def test_an_unknown_verdict_is_refused(make_package, name, text, message):
    with pytest.raises(ProblemError, match=message):
        submissions_of(make_package, {name: text})


def test_programs_that_we_cannot_run_are_listed(make_package):
    found = submissions_of(
        make_package,
        {
            "accepted/a.cpp": "int main() {}",
            "accepted/b/x.java": "1",
            "accepted/b/y.java": "2",
            "accepted/c/z.py": "3",
        },
    )
    assert {name: submission.language for name, submission in found.items()} == {
        "accepted/a.cpp": "cpp",
        "accepted/b": MULTI_FILE,
        "accepted/c": "python",
    }
    assert found["accepted/c"].text == "3"


def test_hidden_files_and_caches_are_no_submissions(make_package):
    files = {"accepted/a.py": "1", "accepted/.a.swp": "", "accepted/__pycache__/a.pyc": "", "README": "text"}
    assert list(submissions_of(make_package, files)) == ["accepted/a.py"]


def test_a_program_that_is_not_utf8_survives(make_package):
    found = submissions_of(make_package, {"accepted/a.py": b"# caf\xe9\n"})
    assert found["accepted/a.py"].text.encode("utf-8", "surrogateescape") == b"# caf\xe9\n"


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.PY", "python"), ("a.cc", "cpp"), ("a.kt", "kotlin"), ("a.zig", "zig"), ("a", "unknown")],
)
def test_language_of(name, language):
    assert language_of(Path(name)) == language
