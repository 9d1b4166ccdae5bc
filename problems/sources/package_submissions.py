"""The programs that ship with a package, and the verdicts that each may get.

The folder says the verdict; a line `@EXPECTED_RESULTS@: ...` in the first 4 KiB of the source, as DOMjudge
reads it, overrides the folder. Programs in languages that the judge cannot run are listed too, with their
language: whoever validates a package is told of them, instead of their being left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from problems.problem import ProblemError, Submission

FOLDER_VERDICTS: dict[str, frozenset[str]] = {
    "accepted": frozenset({"AC"}),
    "wrong_answer": frozenset({"WA"}),
    "time_limit_exceeded": frozenset({"TLE"}),
    "run_time_error": frozenset({"RE", "MLE"}),
    "compiler_error": frozenset({"CE"}),
    "no_output": frozenset({"WA"}),
    "output_limit": frozenset({"OLE"}),
    "rejected": frozenset({"WA", "TLE", "RE", "MLE", "OLE", "CE"}),
    "brute_force": frozenset({"AC", "TLE", "RE", "MLE"}),
}
ANNOTATION_BYTES = 4096
MULTI_FILE = "multi-file"  # the language of a submission that is a folder of several files

# Upper case, with hyphens; annotations may write underscores, as Kattis does, and any case.
_VERDICT_NAMES: dict[str, str] = {
    "CORRECT": "AC",
    "ACCEPTED": "AC",
    "WRONG-ANSWER": "WA",
    "NO-OUTPUT": "WA",
    "TIMELIMIT": "TLE",
    "TIME-LIMIT-EXCEEDED": "TLE",
    "RUN-ERROR": "RE",
    "RUN-TIME-ERROR": "RE",
    "MEMORY-LIMIT": "MLE",
    "OUTPUT-LIMIT": "OLE",
    "COMPILER-ERROR": "CE",
    **{code: code for code in ("AC", "WA", "TLE", "MLE", "RE", "OLE", "CE")},
}
_LANGUAGES: dict[str, str] = {
    "py": "python",
    "py3": "python",
    "py2": "python2",
    "cc": "cpp",
    "cpp": "cpp",
    "cxx": "cpp",
    "c++": "cpp",
    "kt": "kotlin",
    "rs": "rust",
    "js": "javascript",
    "cs": "csharp",
    "rb": "ruby",
    "hs": "haskell",
}
_ANNOTATION = re.compile(rb"@EXPECTED_RESULTS@:([^\r\n]*)")
_COMMENT_END = re.compile(r"(\*/|-->|\*\)|-\})\s*$")


def read_submissions(folder: Path) -> tuple[Submission, ...]:
    """All programs below submissions/ of a package, by path.

    Raises:
        ProblemError: a folder with no known verdict holds a program without annotation, or an annotation
            names an unknown verdict.
    """
    root = folder / "submissions"
    directories = _visible_folders(root)
    return tuple(_submission(path, root) for directory in directories for path in _visible(directory))


def language_of(path: Path) -> str:
    """The language by the file's extension: a name such as "python" or "cpp", else the extension itself."""
    extension = path.suffix.removeprefix(".").lower()
    return _LANGUAGES.get(extension, extension or "unknown")


def _submission(path: Path, root: Path) -> Submission:
    name = path.relative_to(root).as_posix()
    files = [path] if path.is_file() else [inner for inner in sorted(path.rglob("*")) if inner.is_file()]
    if len(files) == 1:
        source = files[0].read_bytes()
        language = language_of(files[0])
    else:
        source = b"\n".join(file.read_bytes() for file in files)
        language = MULTI_FILE
    return Submission(
        name=name,
        language=language,
        text=source.decode("utf-8", "surrogateescape"),
        expected_verdicts=_annotated(source, path) or _by_folder(path, root),
    )


def _annotated(source: bytes, path: Path) -> frozenset[str] | None:
    match = _ANNOTATION.search(source[:ANNOTATION_BYTES])
    if match is None:
        return None
    text = _COMMENT_END.sub("", match.group(1).decode("utf-8", "replace"))
    return frozenset(_verdict(name.strip(), path) for name in text.split(","))


def _verdict(name: str, path: Path) -> str:
    verdict = _VERDICT_NAMES.get(name.upper().replace("_", "-"))
    if verdict is None:
        raise ProblemError(
            f"{path}: @EXPECTED_RESULTS@ names the unknown verdict {name!r}; "
            f"allowed: {', '.join(_VERDICT_NAMES)}"
        )
    return verdict


def _by_folder(path: Path, root: Path) -> frozenset[str]:
    directory = path.relative_to(root).parts[0]
    if directory not in FOLDER_VERDICTS:
        raise ProblemError(
            f"{path}: the folder {directory!r} does not say which verdict is expected; "
            f"move the program to one of {', '.join(FOLDER_VERDICTS)}, "
            "or add a comment such as `@EXPECTED_RESULTS@: WRONG-ANSWER` to it"
        )
    return FOLDER_VERDICTS[directory]


def _visible(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if not path.name.startswith((".", "__pycache__")))


def _visible_folders(root: Path) -> list[Path]:
    return [path for path in _visible(root) if path.is_dir()] if root.is_dir() else []
