"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(20107)
    yield "year-one", "1 1\n"
    yield "first-comet", "2 2\n"
    yield "from-the-start", "1 10\n"
    yield "ends-in-quiet", "89 95\n"
    yield "all-quiet", "114 126\n"
    for index in range(3):
        first = rng.randint(1, 200)
        yield f"small-{index}", f"{first} {first + rng.randint(0, 40)}\n"
    yield "record-gap", "1357201 1357333\n"
    yield "cut-gap", "1357250 1357700\n"
    yield "late-years", "1900000 2000000\n"
    yield "all-max", "1 2000000\n"
    yield "last-year", "2000000 2000000\n"


def main():
    secret = PACKAGE / "data" / "secret"
    secret.mkdir(parents=True, exist_ok=True)
    for old in secret.iterdir():
        old.unlink()
    reference = [sys.executable, str(PACKAGE / "submissions" / "accepted" / "reference.py")]
    for number, (name, text) in enumerate(cases(), start=1):
        answer = subprocess.run(reference, input=text.encode(), capture_output=True, check=True).stdout
        (secret / f"{number:02}-{name}.in").write_bytes(text.encode())
        (secret / f"{number:02}-{name}.ans").write_bytes(answer)


if __name__ == "__main__":
    main()
