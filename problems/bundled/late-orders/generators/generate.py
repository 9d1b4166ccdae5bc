"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(orders):
    return f"{len(orders)}\n" + "".join(f"{time} {deadline}\n" for time, deadline in orders)


def randoms(rng, n, time, deadline):
    return show([(rng.randint(1, time), rng.randint(1, deadline)) for _ in range(n)])


def cases():
    rng = random.Random(30101)
    yield "too-late", show([(2, 1)])
    yield "just-in-time", show([(1, 1), (1, 2), (1, 3)])
    yield "replace-the-longest", show([(9, 10), (2, 11), (3, 12), (4, 13)])
    yield "short-but-late", show([(1, 100), (5, 5), (6, 11), (7, 18)])
    for index in range(4):
        yield f"small-{index}", randoms(rng, rng.randint(5, 10), 7, 22)
    yield "same-deadline", show([(rng.randint(1, 1000), 200000) for _ in range(2000)])
    yield "all-fit-max", show([(rng.randint(1, 100000), 10**9) for _ in range(7000)])
    yield "tight", randoms(rng, 4000, 1000, 4000)
    yield "random-max", randoms(rng, 7000, 10**6, 10**9)


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
