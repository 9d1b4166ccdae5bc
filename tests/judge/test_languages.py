from __future__ import annotations

import pytest

from judge import UnknownLanguageError
from judge.languages import LANGUAGES, encode_source, language_named


def test_python_is_there() -> None:
    assert language_named("python") is LANGUAGES["python"]
    assert LANGUAGES["python"].source_name == "solution.py"


def test_keys_are_names() -> None:
    assert all(key == language.name for key, language in LANGUAGES.items())


def test_unknown() -> None:
    with pytest.raises(UnknownLanguageError, match="'Python' is not one the judge can run; it runs: python"):
        language_named("Python")


@pytest.mark.parametrize(("text", "data"), [("ä", b"\xc3\xa4"), ("\0", b"\0"), ("\ud800", b"\xed\xa0\x80")])
def test_encode_source(text: str, data: bytes) -> None:
    assert encode_source(text) == data
