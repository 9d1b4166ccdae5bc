"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(rng, n, limit, low=1, high=None):
    people = [rng.randint(low, high or limit) for _ in range(n)]
    return f"{n} {limit}\n{' '.join(map(str, people))}\n"


def cases():
    rng = random.Random(20102)
    yield "alone", "1 1\n1\n"
    yield "two-fit-exactly", "2 10\n4 6\n"
    yield "two-do-not-fit", "2 10\n5 6\n"
    yield "neighbours-mislead", "4 10\n1 2 8 9\n"
    for index in range(4):
        yield f"small-{index}", case(rng, rng.randint(3, 9), 12)
    yield "all-light", case(rng, 2001, 1000, high=400)
    yield "all-heavy", case(rng, 4000, 1000, low=501)
    yield "random-max", case(rng, 20000, 9999)


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
