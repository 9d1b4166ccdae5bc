"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(heights):
    return f"{len(heights)}\n{' '.join(map(str, heights))}\n"


def cases():
    rng = random.Random(30204)
    yield "one-station", show([0])
    yield "down", show([9, 7, 5, 2, 1])
    yield "low-end", show([3, 5, 7, 1])
    yield "equal-heights", show([2, 2, 3, 3, 1, 4])
    yield "peak-first", show([100, 1, 2, 3])
    for index in range(4):
        yield f"small-{index}", show([rng.randint(0, 12) for _ in range(rng.randint(6, 12))])
    yield "saw", show([block * 10 + 9 - step for block in range(300) for step in range(10)])
    yield "up-max", show([step * 83 for step in range(12000)])
    yield "down-max", show([10**6 - step * 83 for step in range(12000)])
    yield "random-max", show([rng.randint(0, 10**6) for _ in range(12000)])


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
