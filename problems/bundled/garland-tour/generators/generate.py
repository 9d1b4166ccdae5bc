"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(rng, n, garlands):
    turned = [pair if rng.random() < 0.5 else pair[::-1] for pair in garlands]
    return f"{n} {len(turned)}\n" + "".join(f"{a} {b}\n" for a, b in turned)


def walk(rng, n, m, first=1):
    """The garlands along a random walk, in random order."""
    corners = [rng.randint(first, n)]
    while len(corners) <= m:
        corner = rng.randint(first, n)
        if corner != corners[-1]:
            corners.append(corner)
    garlands = list(zip(corners, corners[1:]))
    rng.shuffle(garlands)
    return garlands


def cases():
    rng = random.Random(30202)
    halves = [pair for first in (1, 2001) for c in range(first, first + 1999) for pair in [(c, c + 1)]]
    halves += [(2000, 1), (4000, 2001)]
    yield "one-garland", show(rng, 2, [(1, 2)])
    yield "two-parts-max", show(rng, 4000, halves)
    yield "there-and-back", show(rng, 2, [(1, 2), (1, 2)])
    yield "unused-corners", show(rng, 9, [(4, 7), (7, 5), (5, 4)])
    yield "eight", show(rng, 7, [(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 6), (6, 7), (7, 3)])
    yield "one-end", show(rng, 6, [(2, 3), (3, 4), (4, 2), (4, 5), (5, 6), (6, 4), (4, 1)])
    for index in range(4):
        n = rng.randint(4, 6)
        yield f"small-{index}", show(rng, n, walk(rng, n, rng.randint(5, 9)))
    yield "four-odd-corners", show(rng, 500, walk(rng, 500, 2500) + [(1, 2), (3, 4), (4, 5)])
    yield "path-max", show(rng, 4000, [(corner, corner + 1) for corner in range(1, 4000)])
    yield "few-corners", show(rng, 5, walk(rng, 5, 4000))
    yield "random-max", show(rng, 4000, walk(rng, 4000, 7000))


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
