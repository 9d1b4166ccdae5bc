"""The table of languages: what the judge needs to know to run a program written in one of them."""

from __future__ import annotations

from dataclasses import dataclass

from judge.errors import UnknownLanguageError


@dataclass(frozen=True)
class Language:
    """One row of the table.

    `name` is the key that rows and programs carry, `source_name` the file that holds the program inside
    the sandbox, and `suffixes` are the file names by which a package's submissions are recognised.
    """

    name: str
    source_name: str
    suffixes: tuple[str, ...]


MAX_SOURCE_BYTES = 4 << 20  # of one program; what no limit on memory could be meant to hold is not run

LANGUAGES: dict[str, Language] = {
    "python": Language(name="python", source_name="solution.py", suffixes=(".py", ".py3")),
}


def language_named(name: str) -> Language:
    """The language called `name`.

    Raises:
        UnknownLanguageError: there is none.
    """
    try:
        return LANGUAGES[name]
    except KeyError:
        known = ", ".join(sorted(LANGUAGES))
        raise UnknownLanguageError(
            f"language {name!r} is not one the judge can run; it runs: {known}"
        ) from None


def encode_source(text: str) -> bytes:
    """The bytes of a program's file.

    Text from a model may hold lone surrogates, which UTF-8 has no form for. They are written the way
    that "surrogatepass" does, so that the language itself rejects them as it would a broken file.
    """
    return text.encode("utf-8", "surrogatepass")
