"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(values):
    return f"{len(values)}\n{' '.join(map(str, values))}\n"


def cases():
    rng = random.Random(4168)
    yield "one-odd", show([7])
    yield "one-even", show([8])
    yield "rounds-down", show([1, 2, 3, 2, 5, 99, 4, 1])
    for index in range(4):
        yield f"small-{index}", show([rng.randint(1, 20) for _ in range(rng.randint(2, 9))])
    yield "all-even", show([100] * 1000)
    yield "all-largest-odd", show([99] * 1000)
    for index in range(2):
        yield f"random-max-{index}", show([rng.randint(1, 100) for _ in range(1000)])


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
