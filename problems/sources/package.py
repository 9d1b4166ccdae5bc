"""Problem packages in the Kattis/ICPC layout, formats `legacy` and `2023-07`.

A package is a folder, and its name is the problem's id:

    problem.yaml                                name, keywords, limits, validator flags
    statement/problem.en.md                     or problem_statement/, or .tex
    data/sample/*.in, *.ans                     the tests that the statement shows
    data/secret/**/*.in, *.ans                  the hidden tests; folders are groups
    submissions/accepted|wrong_answer|.../*     programs with the verdict that each must get
    output_validator/ or output_validators/     decides where several outputs are right

Test data stays on disk: a `TestCase` holds paths. What a package asks for and we cannot do (interactive
problems, scoring, validators that are not Python) is refused with an error that says so; nothing is ignored
that could change a verdict. Everything here follows https://icpc.io/problem-package-format/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from problems.problem import Problem, ProblemError, TestCase
from problems.sources.package_checker import read_checker
from problems.sources.package_config import PackageConfig, read_config, read_mapping
from problems.sources.package_submissions import read_submissions

DIFFICULTIES = ("easy", "medium", "hard")
STATEMENT_PATHS = tuple(
    f"{folder}/{name}"
    for name in ("problem.en.md", "problem.md", "problem.en.tex", "problem.tex")
    for folder in ("statement", "problem_statement")
)

_SAMPLE_PLACEHOLDER = re.compile(
    r"\{\{\s*(?:nextsample|remainingsamples)\s*\}\}|\\(?:nextsample|remainingsamples)\b"
)
_TEX_NAME = re.compile(r"\\problemname\{([^{}]*)\}")


def read_packages(root: Path) -> Iterator[Problem]:
    """Yield the problem of one package, or those of a folder of packages by name.

    Raises:
        ProblemError: `root` is no folder or holds no package, or a package is faulty.
    """
    if not root.is_dir():
        raise ProblemError(f"{root}: no such folder; name a problem package or a folder of packages")
    folders = (
        [root] if _is_package(root) else sorted(f for f in root.iterdir() if f.is_dir() and _is_package(f))
    )
    if not folders:
        raise ProblemError(f"{root}: holds no problem package; a package is a folder with a problem.yaml")
    for folder in folders:
        yield read_package(folder)


def read_package(folder: Path) -> Problem:
    """Read one problem package.

    Raises:
        ProblemError: a part is missing, malformed or not supported; the text names the file and the remedy.
    """
    folder = folder.resolve()
    config = read_config(folder)
    statement, statement_name = _read_statement(folder)
    title = config.title or statement_name
    if not title:
        raise ProblemError(
            f"{folder / 'problem.yaml'}: has no name; add a line such as `name: {folder.name}`"
        )
    return Problem(
        problem_id=folder.name,
        title=title,
        statement=statement,
        tests=(*_read_tests(folder, "sample"), *_read_tests(folder, "secret", required=True)),
        limits=config.limits,
        checker=read_checker(folder, config),
        difficulty=_difficulty(config, folder),
        tags=tuple(keyword for keyword in config.keywords if keyword not in DIFFICULTIES),
        date=config.date,
        submissions=read_submissions(folder),
        source=config.source,
    )


def _is_package(folder: Path) -> bool:
    # A folder with tests but without problem.yaml is meant as a package: reading it gives the clear error.
    return (folder / "problem.yaml").exists() or (folder / "data" / "secret").is_dir()


def _difficulty(config: PackageConfig, folder: Path) -> str | None:
    found = [keyword for keyword in config.keywords if keyword in DIFFICULTIES]
    if len(found) > 1:
        raise ProblemError(
            f"{folder / 'problem.yaml'}: keywords name {' and '.join(found)}; keep one difficulty"
        )
    return found[0] if found else None


def _read_statement(folder: Path) -> tuple[str, str | None]:
    """The statement without places for samples, and the name it gives (the macro problemname of LaTeX)."""
    path = next((folder / name for name in STATEMENT_PATHS if (folder / name).is_file()), None)
    if path is None:
        raise ProblemError(f"{folder}: has no statement; write one of {', '.join(STATEMENT_PATHS)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path}: is not UTF-8 ({error}); save it as UTF-8") from error
    name = _TEX_NAME.search(text) if path.suffix == ".tex" else None
    if name:
        text = text.replace(name.group(), "")
    statement = _SAMPLE_PLACEHOLDER.sub("", text).strip()
    if not statement:
        raise ProblemError(f"{path}: is empty; write the statement")
    return statement, name.group(1) if name else None


def _read_tests(folder: Path, kind: str, *, required: bool = False) -> list[TestCase]:
    """The tests below data/<kind>, by path; folders below it are groups and stay in the names."""
    data = folder / "data" / kind
    _refuse_unsupported_files(data)
    inputs = sorted(data.rglob("*.in"))
    if required and not inputs:
        raise ProblemError(f"{data}: has no tests; add files such as 01.in and 01.ans")
    orphans = sorted(path for path in data.rglob("*.ans") if not path.with_suffix(".in").is_file())
    if orphans:
        raise ProblemError(
            f"{orphans[0]}: has no input; add {orphans[0].with_suffix('.in').name} or delete the answer"
        )
    return [_test(path, folder / "data", sample=kind == "sample") for path in inputs]


def _test(input_path: Path, data: Path, *, sample: bool) -> TestCase:
    answer_path = input_path.with_suffix(".ans")
    if not answer_path.is_file():
        raise ProblemError(f"{input_path}: has no answer; add {answer_path.name} beside it")
    name = input_path.relative_to(data).with_suffix("").as_posix()
    return TestCase(name=name, input_data=input_path, answer_data=answer_path, sample=sample)


def _refuse_unsupported_files(data: Path) -> None:
    """Refuse tests that need more than standard input."""
    needy = [path for suffix in ("args", "files") for path in data.rglob(f"*.{suffix}")]
    needy += [path for path in data.rglob("*.yaml") if read_mapping(path).keys() & {"args", "files"}]
    if needy:
        raise ProblemError(
            f"{min(needy)}: tests with command-line arguments or files of their own are not supported; "
            "programs read standard input only"
        )
