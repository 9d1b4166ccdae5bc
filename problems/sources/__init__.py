"""Where problems come from: one module per format, each with a function that yields `Problem`.

To add a format, write such a module and name it in `SOURCES`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from problems.problem import Problem, ProblemError
from problems.sources.package import read_packages

BUNDLED_DIR = Path(__file__).resolve().parent.parent / "bundled"


@dataclass(frozen=True)
class Source:
    """One kind of SPEC."""

    name: str  # what stands before the colon
    argument: str  # what stands after it, for people; empty where the source takes none
    read: Callable[[str], Iterator[Problem]]  # takes the text after the colon

    @property
    def usage(self) -> str:
        """The form of the SPEC, such as "package:DIR"."""
        return f"{self.name}:{self.argument}" if self.argument else self.name


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("bundled", "", lambda _: read_packages(BUNDLED_DIR)),
        Source("package", "DIR", lambda text: read_packages(Path(text).expanduser())),
    )
}


def read_source(spec: str) -> Iterator[Problem]:
    """Yield every problem of the set that a SPEC names.

    Raises:
        ProblemError: the SPEC names no source, or lacks the argument that its source needs (raised at
            once, before iteration); or a problem cannot be read (raised while iterating).
    """
    name, _, argument = spec.partition(":")
    source = SOURCES.get(name)
    if source is None:
        raise ProblemError(f"unknown problem set {spec!r}; {_allowed()}{_nearest(name)}")
    if bool(argument) != bool(source.argument):
        raise ProblemError(
            f"problem set {spec!r} is incomplete or has too much; write {source.usage!r}; {_allowed()}"
        )
    return source.read(argument)


def _allowed() -> str:
    return f"allowed: {', '.join(source.usage for source in SOURCES.values())}"


def _nearest(name: str) -> str:
    if Path(name).is_dir():
        return f"; for the folder of that name write 'package:{name}'"
    close = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.4)
    return f"; nearest: {SOURCES[close[0]].usage}" if close else ""
