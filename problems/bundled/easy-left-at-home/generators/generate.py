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


def cases():
    rng = random.Random(4110)
    yield "one", show([5], [5])
    yield "none-common", show([3, 3], [4, 5])
    for index in range(5):
        n = rng.randint(2, 8)
        yield f"small-{index}", show([rng.randint(1, 12) for _ in range(n)], [rng.randint(1, 12) for _ in range(n)])
    yield "all-common", show([100] * 500, [100] * 500)
    yield "halves", show([rng.randint(1, 60) for _ in range(500)], [rng.randint(50, 100) for _ in range(500)])
    for index in range(2):
        yield f"random-max-{index}", show([rng.randint(1, 100) for _ in range(500)], [2 * rng.randint(1, 50) for _ in range(500)])


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
