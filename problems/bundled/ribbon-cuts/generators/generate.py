"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(rng, n, k, longest, shortest=1):
    return f"{n} {k}\n{' '.join(str(rng.randint(shortest, longest)) for _ in range(n))}\n"


def cases():
    rng = random.Random(20207)
    yield "smallest", "1 1\n1\n"
    yield "impossible-by-one", "3 7\n1 2 3\n"
    yield "just-possible", "3 6\n1 2 3\n"
    yield "whole-ribbon-max", "1 1\n1000000000\n"
    yield "rests-are-lost", "2 2\n9 1\n"
    for index in range(4):
        n = rng.randint(2, 6)
        yield f"small-{index}", case(rng, n, rng.randint(2, 15), 30)
    yield "many-pieces", case(rng, 1000, 10**9, 10**9)
    yield "few-pieces-max", case(rng, 5000, 5000, 10**9, 9 * 10**8)
    yield "too-many", case(rng, 5000, 10**9, 9)
    yield "random-max", case(rng, 5000, 123456789, 10**9)


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
