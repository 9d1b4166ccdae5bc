"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(times):
    return f"{len(times)}\n" + "".join(" ".join(map(str, row)) + "\n" for row in times)


def randoms(rng, n, longest, shortest=1):
    return [[0 if i == j else rng.randint(shortest, longest) for j in range(n)] for i in range(n)]


def cases():
    rng = random.Random(30103)
    yield "smallest", show([[0, 1], [1, 0]])
    yield "one-direction", show([[0, 1, 9, 9], [9, 0, 1, 9], [9, 9, 0, 1], [1, 9, 9, 0]])
    yield "near-then-far", show([[0, 1, 2, 9], [3, 0, 1, 8], [2, 2, 0, 90], [1, 2, 3, 0]])
    for index in range(4):
        yield f"small-{index}", show(randoms(rng, rng.randint(4, 6), 30))
    yield "equal-times-max", show(randoms(rng, 12, 7, 7))
    yield "longest-times-max", show(randoms(rng, 12, 10**6, 10**6))
    points = [(rng.randint(0, 700), rng.randint(0, 700)) for _ in range(12)]
    plane = [[abs(a - c) + abs(b - d) + (a > c) for c, d in points] for a, b in points]
    yield "plane-max", show([[0 if i == j else max(1, plane[i][j]) for j in range(12)] for i in range(12)])
    yield "random-max", show(randoms(rng, 12, 10**6))


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
