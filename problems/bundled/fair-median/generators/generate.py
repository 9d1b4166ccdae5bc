"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(marks, k):
    return f"{len(marks)} {k}\n{' '.join(map(str, marks))}\n"


def cases():
    rng = random.Random(30206)
    yield "one-meal", case([7], 1)
    yield "all-meals", case([4, 1, 3, 2], 4)
    yield "lower-middle", case([1, 9], 2)
    yield "longer-is-better", case([9, 1, 1, 9, 9], 4)
    yield "longer-row-wins", case([8, 1, 8, 1, 8], 2)
    for index in range(4):
        n = rng.randint(5, 10)
        yield f"small-{index}", case([rng.randint(1, 9) for _ in range(n)], rng.randint(2, n))
    yield "equal-marks", case([1000000] * 5000, 2500)
    yield "rising-max", case([60 * meal + 1 for meal in range(15000)], 7000)
    yield "odd-and-even", case([1 + meal % 2 * 999999 for meal in range(6001)], 600)
    yield "random-max", case([rng.randint(1, 10**6) for _ in range(15000)], 100)


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
