"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(heights, k):
    return f"{len(heights)} {k}\n{' '.join(map(str, heights))}\n"


def cases():
    rng = random.Random(20203)
    yield "smallest", show([0], 1)
    yield "one-window", show([3, 9, 4], 3)
    yield "pairs", show([5, 5, 1, 9], 2)
    for index in range(4):
        n = rng.randint(5, 12)
        yield f"small-{index}", show([rng.randint(0, 9) for _ in range(n)], rng.randint(2, n - 1))
    yield "peak-leaves", show([999] + [500] * 500, 200)
    yield "rising", show([minute // 10 for minute in range(9000)], 700)
    yield "all-equal", show([42] * 5000, 2500)
    yield "falling-wide", show([999 - minute // 20 for minute in range(8000)], 4000)
    yield "random-max", show([rng.randint(0, 999) for _ in range(25000)], 12500)


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
