from __future__ import annotations

import pytest

from problems import CheckerSpec, ProblemError
from problems.sources.package import read_package
from problems.sources.package_checker import default_checker

LEGACY = "name: A\nvalidation: {}\n"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", CheckerSpec()),
        (
            "case_sensitive space_change_sensitive",
            CheckerSpec(case_sensitive=True, space_change_sensitive=True),
        ),
        ("float_tolerance 1e-6", CheckerSpec(float_absolute_tolerance=1e-6, float_relative_tolerance=1e-6)),
        ("float_absolute_tolerance 0.5", CheckerSpec(float_absolute_tolerance=0.5)),
        ("float_relative_tolerance 0", CheckerSpec(float_relative_tolerance=0.0)),
    ],
)
def test_flags_of_the_default_validator(tmp_path, flags, expected):
    assert default_checker(flags.split(), tmp_path) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("case_insensitive", "unknown flag 'case_insensitive'.*allowed: case_sensitive"),
        ("float_tolerance", "float_tolerance is followed by None"),
        ("float_tolerance small", "followed by 'small'; it needs a number"),
        ("float_tolerance -1", "followed by '-1'"),
        ("float_tolerance inf", "followed by 'inf'"),
    ],
)
def test_wrong_flags_are_refused(tmp_path, flags, message):
    with pytest.raises(ProblemError, match=message):
        default_checker(flags.split(), tmp_path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("problem.yaml", "name: A\nvalidator_flags: float_tolerance 1e-3\n"),
        ("data/testdata.yaml", "output_validator_flags: float_tolerance 1e-3\n"),
        ("data/secret/testdata.yaml", "output_validator_flags: float_tolerance 1e-3\n"),
        ("data/secret/test_group.yaml", "output_validator_args: [float_tolerance, 1e-3]\n"),
    ],
)
def test_places_of_the_flags(make_package, path, text):
    assert read_package(make_package({path: text})).checker.float_relative_tolerance == 1e-3


def test_the_most_specific_flags_count(make_package):
    folder = make_package(
        {
            "data/testdata.yaml": "output_validator_flags: float_tolerance 1e-3\n",
            "data/secret/testdata.yaml": "output_validator_flags: float_tolerance 1e-9\n",
            "data/secret/group/testdata.yaml": "output_validator_flags: float_tolerance 1e-9\n",
        }
    )
    assert read_package(folder).checker.float_absolute_tolerance == 1e-9


@pytest.mark.parametrize("path", ["secret/group/testdata.yaml", "sample/testdata.yaml", "secret/01.yaml"])
def test_flags_that_differ_between_groups_are_refused(make_package, path):
    folder = make_package({f"data/{path}": "output_validator_flags: case_sensitive\n"})
    with pytest.raises(ProblemError, match=r"case_sensitive.*give them once, in data/secret"):
        read_package(folder)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"output_validator/check.py": ""}, ["check.py"]),
        ({"output_validator/a.py": "", "output_validator/validate.py": ""}, ["validate.py", "a.py"]),
        (
            {"output_validators/mine/__main__.py": "", "output_validators/mine/a.py": ""},
            ["__main__.py", "a.py"],
        ),
        ({"output_validator/check.py": "", "output_validator/words.txt": ""}, ["check.py", "words.txt"]),
        ({"output_validator/check.py": "", "output_validator/.hidden": ""}, ["check.py"]),
    ],
)
def test_the_entry_point_of_a_validator_comes_first(make_package, files, names):
    flags = {"data/secret/testdata.yaml": "output_validator_flags: --max 5\n"}
    checker = read_package(make_package({**files, **flags})).checker
    assert (checker.kind, checker.validator_flags) == ("validator", ("--max", "5"))
    assert [path.name for path in checker.validator_files] == names


def test_legacy_validation_decides_whether_the_validator_is_used(make_package):
    files = {"output_validators/check.py": "", "problem.yaml": LEGACY.format("default")}
    assert read_package(make_package(files)).checker == CheckerSpec()
    files["problem.yaml"] = LEGACY.format("custom")
    assert read_package(make_package(files)).checker.kind == "validator"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"problem.yaml": LEGACY.format("custom")}, "add the validator in output_validators"),
        ({"output_validator/check.cpp": ""}, r"holds check\.cpp; only output validators in Python"),
        ({"output_validator/.keep": ""}, "holds nothing"),
        ({"output_validator/a.py": "", "output_validator/b.py": ""}, r"name the one to start validate\.py"),
        (
            {"output_validators/x/a.py": "", "output_validators/y/b.py": ""},
            "one validator, all files in one folder",
        ),
    ],
)
def test_unusable_validators_are_refused(make_package, files, message):
    with pytest.raises(ProblemError, match=message):
        read_package(make_package(files))
