"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(a, b):
    return f"{len(a)}\n{' '.join(map(str, a))}\n{' '.join(map(str, b))}\n"


def draw(rng, n, low, high):
    return [rng.randint(low, high) for _ in range(n)]


def cases():
    rng = random.Random(4166)
    yield "one-member-in-both", show([5], [5])
    yield "one-member-each", show([5], [6])
    yield "repeated", show([3, 3, 3], [3, 4, 4])
    for index in range(4):
        n = rng.randint(2, 8)
        yield f"small-{index}", show(draw(rng, n, 1, 12), draw(rng, n, 1, 12))
    yield "all-equal", show([100] * 500, [100] * 500)
    yield "everyone", show([1 + i % 50 for i in range(500)], [51 + i % 50 for i in range(500)])
    for index in range(2):
        yield f"random-max-{index}", show(draw(rng, 500, 1, 100), draw(rng, 500, 1 + 40 * index, 100))


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
