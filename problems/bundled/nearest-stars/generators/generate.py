"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(stars):
    return f"{len(stars)}\n" + "".join(f"{x} {y}\n" for x, y in stars)


def randoms(rng, n, half):
    return [(rng.randint(-half, half), rng.randint(-half, half)) for _ in range(n)]


def cases():
    rng = random.Random(30201)
    yield "two-stars", show([(0, 0), (1, 1)])
    yield "far-apart-max", show([(-1000000000, -1000000000), (1000000000, 1000000000)])
    yield "hidden-star", show([(4, 4), (-7, 2), (4, 4)])
    yield "far-in-x-order", show([(0, 0), (2, 300), (3, -200), (4, 150), (5, -90), (6, 80), (9, 1)])
    for index in range(4):
        yield f"small-{index}", show(randoms(rng, rng.randint(4, 9), 30))
    columns = [(x * 40, y * 40 + x % 2 * 20) for x in range(60) for y in range(100)]
    yield "columns", show(rng.sample(columns, 5000))
    yield "upright-max", show([(17, y * 19) for y in rng.sample(range(10**6), 7000)])
    yield "level-line", show([(x * 7919 + x * x % 13, 5) for x in rng.sample(range(9000), 5000)])
    yield "random-max", show(randoms(rng, 7000, 10**9))


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
