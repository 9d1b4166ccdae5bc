from __future__ import annotations

import datetime
import pickle

import pytest

from problems import ProblemError
from problems.problem import MIB
from problems.sources.package import read_package, read_packages


def test_a_package_of_the_new_format(make_package):
    folder = make_package(
        {
            "problem.yaml": (
                "problem_format_version: 2023-07\nname: {de: Summen, en: Sums}\ntype: [pass-fail]\n"
                "keywords: [medium, arithmetic, input]\nsource: [{name: A Contest}, {name: Finals}]\n"
                "date: 2024-05-06\nlimits: {time_limit: 1.5, memory: 64, output: 2, code: 128}\n"
            ),
            "data/secret/b-group/01.in": "0 0\n",
            "data/secret/b-group/01.ans": "0\n",
        }
    )
    problem = read_package(folder)
    assert (problem.problem_id, problem.title, problem.statement) == ("sums", "Sums", "Add the numbers.")
    assert (problem.difficulty, problem.tags) == ("medium", ("arithmetic", "input"))
    assert (problem.date, problem.source) == (datetime.date(2024, 5, 6), "A Contest, Finals")
    assert (problem.limits.cpu_seconds, problem.limits.memory_bytes) == (1.5, 64 * MIB)
    assert problem.limits.output_bytes == 2 * MIB
    assert [test.name for test in problem.tests] == ["sample/1", "secret/01", "secret/b-group/01"]
    assert [test.sample for test in problem.tests] == [True, False, False]
    assert problem.tests[2].input() == b"0 0\n"
    assert problem.tests[2].answer() == b"0\n"
    assert [submission.name for submission in problem.accepted] == ["accepted/sum.py"]


def test_a_legacy_package(make_package):
    folder = make_package(
        {
            "problem.yaml": (
                "validation: default\nvalidator_flags: case_sensitive\n"
                "keywords: easy sums\nsource: A Contest\n"
            ),
            "statement/problem.en.md": None,
            "problem_statement/problem.en.tex": "\\problemname{Adding Up}\nAdd.\n\\nextsample\n",
            ".timelimit": "3\n",
        }
    )
    problem = read_package(folder)
    assert (problem.title, problem.statement, problem.source) == ("Adding Up", "Add.", "A Contest")
    assert (problem.difficulty, problem.tags) == ("easy", ("sums",))
    assert problem.limits.cpu_seconds == 3.0
    assert problem.checker.case_sensitive


def test_markdown_is_preferred_and_sample_places_are_taken_out(make_package):
    folder = make_package(
        {
            "statement/problem.en.md": "Add.\n\n{{nextsample}}\n\n{{ remainingsamples }}\n",
            "problem_statement/problem.tex": "TeX",
        }
    )
    assert read_package(folder).statement == "Add."


def test_tests_stay_on_disk_and_travel_by_path(make_package):
    big = "7 " * 100_000
    problem = read_package(make_package({"data/secret/02.in": big, "data/secret/02.ans": "700000\n"}))
    assert len(pickle.dumps(problem)) < 5_000
    assert pickle.loads(pickle.dumps(problem)).tests[-1].input() == big.encode()


def test_the_digest_sees_the_tests(make_package):
    digest = read_package(make_package()).digest()
    assert digest == read_package(make_package()).digest()
    assert digest != read_package(make_package({"data/secret/01.ans": "10\n"})).digest()


def test_other_languages_have_their_say_where_there_is_no_english_name(make_package):
    folder = make_package({"problem.yaml": "problem_format_version: 2023-07\nname: {sv: Summor}\n"})
    assert read_package(folder).title == "Summor"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"problem.yaml": None}, "has no problem.yaml"),
        ({"problem.yaml": "keywords: easy\n"}, r"problem\.yaml: has no name"),
        ({"problem.yaml": "name: A\nkeywords: easy hard\n"}, "easy and hard; keep one"),
        ({"statement/problem.en.md": None}, "has no statement; write one of statement/problem.en.md"),
        ({"statement/problem.en.md": " \n"}, r"problem\.en\.md: is empty"),
        ({"statement/problem.en.md": b"caf\xe9"}, r"problem\.en\.md: is not UTF-8"),
        ({"data/secret/01.ans": None}, r"secret/01\.in: has no answer; add 01\.ans"),
        ({"data/secret/02.ans": "1\n"}, r"secret/02\.ans: has no input; add 02\.in"),
        ({"data/secret/01.in": None, "data/secret/01.ans": None}, "secret: has no tests"),
        ({"data/secret/01.args": "-v"}, r"01\.args: tests with command-line arguments"),
        ({"data/secret/01.yaml": "args: [-v]"}, r"01\.yaml: tests with command-line arguments"),
    ],
)
def test_a_faulty_package_is_refused_by_name(make_package, files, message):
    with pytest.raises(ProblemError, match=message):
        read_package(make_package(files))


def test_a_folder_of_packages_is_read_by_name(make_package):
    root = make_package(name="b").parent
    make_package(name="a")
    (root / "notes").mkdir()
    (root / "README.md").write_text("not a package")
    assert [problem.problem_id for problem in read_packages(root)] == ["a", "b"]


def test_a_package_without_problem_yaml_among_others_is_not_skipped(make_package):
    root = make_package(name="a").parent
    make_package({"problem.yaml": None}, name="b")
    with pytest.raises(ProblemError, match=r"b: has no problem\.yaml"):
        list(read_packages(root))


def test_no_package_at_all(tmp_path):
    with pytest.raises(ProblemError, match="holds no problem package"):
        list(read_packages(tmp_path))
    with pytest.raises(ProblemError, match="no such folder"):
        list(read_packages(tmp_path / "missing"))
