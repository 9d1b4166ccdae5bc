"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(takes, piles):
    return f"{len(piles)} {len(takes)}\n{' '.join(map(str, takes))}\n{' '.join(map(str, piles))}\n"


def cases():
    rng = random.Random(30207)
    yield "empty-pile", case([1], [0])
    yield "one-pebble", case([1], [1])
    yield "nothing-fits", case([5000], [4999, 3])
    yield "twins", case([2, 5], [9, 9])
    yield "not-nim", case([1, 2, 3], [4, 8, 12])
    yield "parity-misleads", case([1, 3, 4], [2, 3, 9])
    for index in range(4):
        takes = rng.sample(range(1, 7), rng.randint(2, 3))
        yield f"small-{index}", case(takes, [rng.randint(0, 12) for _ in range(rng.randint(2, 4))])
    yield "single-large", case([1, 2], [4999])
    yield "two-large", case([1, 2, 4, 8, 16, 32, 64, 128], [4990, 5000])
    yield "pairs-max", case([3, 5, 7, 11, 13, 17, 19, 23], sorted([rng.randint(0, 5000) for _ in range(1000)] * 2))
    yield "one-odd-max", case([2, 9, 34, 55, 89, 144, 233, 377], sorted([rng.randint(0, 4999) for _ in range(999)] * 2 + [4994]))
    yield "random-max", case(rng.sample(range(1, 60), 8), [rng.randint(0, 5000) for _ in range(2000)])


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
