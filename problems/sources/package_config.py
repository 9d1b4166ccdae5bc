"""`problem.yaml` and its companions: name, keywords, limits and what kind of problem it is.

Two formats are in use. `legacy` (no problem_format_version) writes `validation`, `validator_flags` and the
keywords in one string, and leaves the time limit to a file of the judge system (`.timelimit`,
`domjudge-problem.ini`); `2023-07` writes `type`, a list of keywords and `limits: time_limit`. Where neither
gives a time limit, the default of `problems.problem.Limits` holds.
"""

from __future__ import annotations

import datetime
import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from problems.problem import MIB, Limits, ProblemError

FORMAT_VERSIONS = ("legacy", "legacy-icpc", "2023-07", "2023-07-draft")
# Limits on compilers, validators and submitters' source size do not touch a candidate program's run.
_LIMITS_OF_OTHERS = (
    "time_multiplier",
    "time_multipliers",
    "time_safety_margin",
    "time_resolution",
    "code",
    "compilation_time",
    "compilation_memory",
    "validation_time",
    "validation_memory",
    "validation_output",
    "validation_passes",
)
_KNOWN_LIMITS = ("time_limit", "memory", "output", *_LIMITS_OF_OTHERS)
_SUPPORTED_WORDS = {"default", "custom", "pass-fail"}


@dataclass(frozen=True)
class PackageConfig:
    """What problem.yaml says, the same for both formats."""

    title: str | None
    keywords: tuple[str, ...]
    limits: Limits
    custom_validator: bool | None  # None: decided by whether the package has a validator (format 2023-07)
    validator_flags: tuple[str, ...]
    date: datetime.date | None
    source: str | None


def read_config(folder: Path) -> PackageConfig:
    """Read problem.yaml and the time limit of a package.

    Raises:
        ProblemError: the file is missing or malformed, or asks for what is not supported.
    """
    path = folder / "problem.yaml"
    if not path.is_file():
        raise ProblemError(
            f"{folder}: has no problem.yaml; every problem package needs one with at least a name"
        )
    content = read_mapping(path)
    version = str(content.get("problem_format_version", "legacy"))
    if version not in FORMAT_VERSIONS:
        raise ProblemError(
            f"{path}: problem_format_version is {version!r}; supported: {', '.join(FORMAT_VERSIONS)}"
        )
    if content.get("constants"):
        raise ProblemError(
            f"{path}: constants are not supported; write their values into the files that use them"
        )
    legacy = version.startswith("legacy")
    words = _kind_words(path, content, "validation" if legacy else "type")
    return PackageConfig(
        title=_title(path, content.get("name")),
        keywords=_keywords(path, content.get("keywords")),
        limits=_limits(path, content.get("limits")),
        custom_validator="custom" in words if legacy else None,
        validator_flags=flag_words(path, "validator_flags", content.get("validator_flags")),
        date=_date(path, content.get("date")),
        source=_source(content.get("source")),
    )


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping; an empty file is an empty mapping.

    Raises:
        ProblemError: it is not UTF-8, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProblemError(
            f"{path}: is not valid YAML: {' '.join(str(error).split())}; correct it"
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ProblemError(f"{path}: holds a {type(content).__name__}; it must hold `key: value` lines")
    return content


def flag_words(path: Path, key: str, value: object) -> tuple[str, ...]:
    """The flags for a validator, given as one string (split at spaces) or as a list.

    Raises:
        ProblemError: the value is neither.
    """
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(str(word) for word in value)
    if isinstance(value, str):
        return tuple(value.split())
    raise ProblemError(f"{path}: {key} is {value!r}; it must be a string or a list of strings")


def _kind_words(path: Path, content: dict[str, Any], key: str) -> frozenset[str]:
    """The words of `validation` or `type`, every one of which must be supported."""
    value = content.get(key)
    words = frozenset(flag_words(path, key, value))
    unsupported = sorted(words - _SUPPORTED_WORDS)
    if unsupported:
        raise ProblemError(
            f"{path}: {key} is {value!r}, and {', '.join(unsupported)} problems are not supported; "
            "supported are pass-fail problems, with the default or their own output validator"
        )
    return words


def _title(path: Path, name: object) -> str | None:
    if isinstance(name, dict) and name:
        name = name.get("en", next(iter(name.values())))
    if name is not None and not isinstance(name, str | int | float):
        raise ProblemError(f"{path}: name is {name!r}; it must be a text, or a mapping such as {{en: text}}")
    return None if name is None else str(name).strip() or None


def _keywords(path: Path, value: object) -> tuple[str, ...]:
    words = flag_words(path, "keywords", value.replace(",", " ") if isinstance(value, str) else value)
    return tuple(dict.fromkeys(words))


def _limits(path: Path, value: object) -> Limits:
    limits = {} if value is None else value
    if not isinstance(limits, dict):
        raise ProblemError(
            f"{path}: limits is {value!r}; it must be a mapping such as {{time_limit: 2, memory: 256}}"
        )
    for key in limits:
        if key not in _KNOWN_LIMITS:
            close = difflib.get_close_matches(str(key), _KNOWN_LIMITS, n=1)
            hint = f"; nearest: {close[0]}" if close else ""
            raise ProblemError(
                f"{path}: limits has the unknown key {key!r}{hint}; allowed: {', '.join(_KNOWN_LIMITS)}"
            )
    default = Limits()
    time_limit = _positive(path, "time_limit", limits.get("time_limit"))
    return Limits(
        cpu_seconds=time_limit or _time_limit_of_judge_system(path.parent) or default.cpu_seconds,
        memory_bytes=_mebibytes(path, "memory", limits) or default.memory_bytes,
        output_bytes=_mebibytes(path, "output", limits) or default.output_bytes,
    )


def _mebibytes(path: Path, key: str, limits: dict[str, Any]) -> int | None:
    value = _positive(path, key, limits.get(key))
    return None if value is None else int(value * MIB)


def _positive(path: Path, key: str, value: object) -> float | None:
    """The number, or None where the limit is not given."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise ProblemError(f"{path}: the limit {key} is {value!r}; it must be a positive number")
    return float(value)


def _time_limit_of_judge_system(folder: Path) -> float | None:
    """The time limit in seconds from `.timelimit` or from `domjudge-problem.ini`, in this order."""
    plain = folder / ".timelimit"
    if plain.is_file():
        return _number_in(plain, plain.read_text(encoding="utf-8", errors="replace"))
    ini = folder / "domjudge-problem.ini"
    if not ini.is_file():
        return None
    line = re.search(
        r"^\s*timelimit\s*=(.*)$", ini.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
    )
    return _number_in(ini, line.group(1)) if line else None


def _number_in(path: Path, text: str) -> float | None:
    stripped = text.strip().strip("'\"")
    try:
        return _positive(path, "time_limit", float(stripped))
    except ValueError as error:
        raise ProblemError(
            f"{path}: the time limit is {stripped!r}; it must be a number of seconds"
        ) from error


def _date(path: Path, value: object) -> datetime.date | None:
    if isinstance(value, datetime.datetime):
        return value.date()
    if value is None or isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError as error:
        raise ProblemError(f"{path}: date is {value!r}; write it as YYYY-MM-DD") from error


def _source(value: object) -> str | None:
    """The source's name: a text, a mapping with `name`, or a list of either."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_source, value))) or None
    if isinstance(value, dict):
        value = value.get("name") or value.get("url")
    return None if value is None else str(value)
