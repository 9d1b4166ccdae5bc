"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(trees, r):
    return f"{len(trees)} {r}\n" + "".join(f"{x} {y}\n" for x, y in trees)


def inside(rng, n, half):
    return [(rng.randint(-half, half), rng.randint(-half, half)) for _ in range(n)]


def convex(rng, n):
    """About n corners of a convex polygon: short edges of different directions, sorted by direction."""
    from math import atan2, gcd

    edges = [(a, b) for a in range(-42, 43) for b in range(-42, 43) if gcd(a, b) == 1]
    edges.sort(key=lambda edge: (edge[0] ** 2 + edge[1] ** 2, edge))
    x = y = 0
    corners = []
    for a, b in sorted(edges[:n], key=lambda edge: atan2(edge[1], edge[0])):
        x, y = x + a, y + b
        corners.append((x, y))
    rng.shuffle(corners)
    return corners


def cases():
    rng = random.Random(30109)
    yield "one-tree", show([(0, 0)], 1)
    yield "one-place", show([(7, 7)] * 5, 3)
    yield "two-trees", show([(-1000000, -1000000), (1000000, 1000000)], 1)
    yield "in-a-row", show([(x, 2 * x) for x in (5, -3, 0, 4, 1)], 2)
    yield "inner-trees", show([(0, 0), (10, 0), (10, 10), (0, 10), (5, 5), (5, 0), (1, 9)], 7)
    for index in range(4):
        yield f"small-{index}", show(inside(rng, rng.randint(3, 9), 8), rng.randint(1, 5))
    yield "upright-row", show([(3, y) for y in range(-500, 501, 5)], 1000000)
    yield "corners", show(convex(rng, 4200), 1)
    yield "grid", show([(x, y) for x in range(50) for y in range(50)], 10)
    yield "random-max", show(inside(rng, 5000, 10**6), 1000)


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
