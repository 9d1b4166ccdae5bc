"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(rng, n, q, span=None):
    walks = []
    for _ in range(q):
        first = rng.randint(1, n)
        last = rng.randint(first, min(n, first + (span or n)))
        walks.append((first, last))
    return f"{n} {q}\n" + "".join(f"{first} {last}\n" for first, last in walks)


def cases():
    rng = random.Random(20103)
    yield "one-lamp", "1 1\n1 1\n"
    yield "one-lamp-twice", "1 2\n1 1\n1 1\n"
    yield "thrice-the-same", "9 3\n3 6\n3 6\n3 6\n"
    for index in range(4):
        yield f"small-{index}", case(rng, rng.randint(4, 12), rng.randint(2, 7))
    yield "whole-corridor", f"100000000 3\n" + "1 100000000\n" * 3
    yield "short-walks", case(rng, 100000, 2500, span=20)
    yield "shared-ends", "50 5\n1 10\n10 20\n20 30\n30 40\n40 50\n"
    yield "random-max", case(rng, 100000000, 4000)


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
