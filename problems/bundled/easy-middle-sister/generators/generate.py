"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(*ages):
    return " ".join(map(str, ages)) + "\n"


def cases():
    rng = random.Random(4165)
    yield "youngest", show(1, 1, 1)
    yield "oldest", show(100, 100, 100)
    yield "first", show(7, 3, 12)
    yield "second", show(3, 7, 12)
    yield "third", show(12, 3, 7)
    yield "twins-below", show(5, 9, 5)
    yield "twins-above", show(100, 1, 100)
    yield "ends", show(1, 100, 99)
    for index in range(4):
        yield f"random-{index}", show(*(rng.randint(1, 100) for _ in range(3)))


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
