"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(values):
    return f"{len(values)}\n{' '.join(map(str, values))}\n"


def cases():
    rng = random.Random(4169)
    yield "one-odd", show([7])
    yield "one-even", show([8])
    yield "equal-odd", show([9, 9])
    for index in range(4):
        yield f"small-{index}", show([rng.randint(0, 15) for _ in range(rng.randint(2, 9))])
    yield "all-largest", show([1000] * 1000)
    yield "odd-number-of-largest-odd", show([999] * 999)
    for index in range(2):
        yield f"random-max-{index}", show([rng.randint(0, 1000) for _ in range(1000)])


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
