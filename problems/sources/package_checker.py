"""How a package compares outputs: the default validator's flags, or the problem's own output validator.

Flags come from `validator_flags` in problem.yaml (legacy), or from `output_validator_flags` (legacy) and
`output_validator_args` (2023-07) in `testdata.yaml` or `test_group.yaml`, in data/ or data/secret/. Format
and Kattis allow other flags for each group; we take one set for the whole problem and refuse more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from problems.problem import CheckerSpec, ProblemError
from problems.sources.package_config import PackageConfig, flag_words, read_mapping

GROUP_FILES = ("testdata.yaml", "test_group.yaml")
GROUP_KEYS = ("output_validator_flags", "output_validator_args")
VALIDATOR_DIRS = ("output_validator", "output_validators")
ENTRY_NAMES = ("validate.py", "__main__.py")

_SWITCHES = ("case_sensitive", "space_change_sensitive")
_TOLERANCES = {
    "float_absolute_tolerance": ("float_absolute_tolerance",),
    "float_relative_tolerance": ("float_relative_tolerance",),
    "float_tolerance": ("float_absolute_tolerance", "float_relative_tolerance"),
}


def read_checker(folder: Path, config: PackageConfig) -> CheckerSpec:
    """The checker of a package.

    Raises:
        ProblemError: unknown flags, flags that differ between groups, or a validator that is missing, not
            Python, or without a clear entry point.
    """
    flags = _flags(folder, config)
    directory = next((folder / name for name in VALIDATOR_DIRS if (folder / name).is_dir()), None)
    if config.custom_validator and directory is None:
        raise ProblemError(
            f"{folder}: problem.yaml says `validation: custom`; add the validator in output_validators/"
        )
    # `validation: default` of the legacy format switches a validator off; 2023-07 uses what is there.
    if directory is not None and config.custom_validator is not False:
        return CheckerSpec(
            kind="validator", validator_files=_validator_files(directory), validator_flags=flags
        )
    return default_checker(flags, folder)


def default_checker(flags: Sequence[str], where: Path) -> CheckerSpec:
    """The `tokens` checker that flags of the Kattis default validator describe.

    Raises:
        ProblemError: an unknown flag, or a tolerance that is missing or no finite number >= 0.
    """
    switches: dict[str, bool] = {}
    tolerances: dict[str, float] = {}
    words = iter(flags)
    for flag in words:
        if flag in _SWITCHES:
            switches[flag] = True
        elif flag in _TOLERANCES:
            tolerance = _tolerance(flag, next(words, None), where)
            tolerances.update(dict.fromkeys(_TOLERANCES[flag], tolerance))
        else:
            allowed = ", ".join((*_SWITCHES, *(f"{name} E" for name in _TOLERANCES)))
            raise ProblemError(
                f"{where}: unknown flag {flag!r} for the default validator; allowed: {allowed}"
            )
    return CheckerSpec(
        case_sensitive=switches.get("case_sensitive", False),
        space_change_sensitive=switches.get("space_change_sensitive", False),
        float_absolute_tolerance=tolerances.get("float_absolute_tolerance"),
        float_relative_tolerance=tolerances.get("float_relative_tolerance"),
    )


def _tolerance(flag: str, text: str | None, where: Path) -> float:
    try:
        value = float(text or "nothing")
    except ValueError:
        value = math.nan
    if not (0 <= value < math.inf):
        raise ProblemError(f"{where}: {flag} is followed by {text!r}; it needs a number such as 1e-6")
    return value


def _flags(folder: Path, config: PackageConfig) -> tuple[str, ...]:
    """The one set of validator flags; the most specific of problem.yaml, data/ and data/secret/ counts."""
    data = folder / "data"
    flags = config.validator_flags
    for directory in (data, data / "secret"):
        for _, found in _group_flags(
            directory / name for name in GROUP_FILES if (directory / name).is_file()
        ):
            flags = found
    of_the_problem = [directory / name for directory in (data, data / "secret") for name in GROUP_FILES]
    for path, found in _group_flags(sorted(data.rglob("*.yaml"))):
        if path not in of_the_problem and found != flags:
            raise ProblemError(
                f"{path}: has the validator flags {' '.join(found)!r}, the problem has {' '.join(flags)!r}; "
                "flags that differ between groups or tests are not supported: give them once, in data/secret"
            )
    return flags


def _group_flags(paths: Iterable[Path]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files that give validator flags, and the flags; a test's own NAME.yaml may give them, too."""
    for path in paths:
        content = read_mapping(path)
        for key in GROUP_KEYS:
            if content.get(key) is not None:
                yield path, flag_words(path, key, content[key])


def _validator_files(directory: Path) -> tuple[Path, ...]:
    """The files of the validator, its entry point first."""
    entries = _visible(directory)
    if len(entries) == 1 and entries[0].is_dir():
        entries = _visible(entries[0])  # output_validators/<name>/...
    folders = [path for path in entries if path.is_dir()]
    if folders:
        raise ProblemError(
            f"{folders[0]}: is a folder in a validator; one validator, all files in one folder, is supported"
        )
    entry = _entry_point(directory, entries)
    return (entry, *(path for path in entries if path != entry))


def _entry_point(directory: Path, files: Sequence[Path]) -> Path:
    programs = [path for path in files if path.suffix == ".py"]
    if not programs:
        names = ", ".join(path.name for path in files) or "nothing"
        raise ProblemError(
            f"{directory}: holds {names}; only output validators in Python (.py) are supported"
        )
    named = [path for name in ENTRY_NAMES for path in programs if path.name == name]
    if not named and len(programs) > 1:
        raise ProblemError(
            f"{directory}: holds several programs; name the one to start {' or '.join(ENTRY_NAMES)}"
        )
    return (named or programs)[0]


def _visible(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if not path.name.startswith((".", "__pycache__")))
