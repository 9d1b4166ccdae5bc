"""Problem packages in a temporary folder."""

from __future__ import annotations

import pytest

BASE = {
    "problem.yaml": "problem_format_version: 2023-07-draft\nname: Sums\nkeywords: [easy, arithmetic]\n",
    "statement/problem.en.md": "Add the numbers.\n",
    "data/sample/1.in": "1 2\n",
    "data/sample/1.ans": "3\n",
    "data/secret/01.in": "4 5\n",
    "data/secret/01.ans": "9\n",
    "submissions/accepted/sum.py": "print(sum(map(int, input().split())))\n",
}


@pytest.fixture
def make_package(tmp_path):
    """A function that writes a sound package, changed by `files`: path -> text, or None to leave it out."""

    def make(files=None, *, name="sums"):
        folder = tmp_path / "packages" / name
        for path, text in {**BASE, **(files or {})}.items():
            if text is not None:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return make
