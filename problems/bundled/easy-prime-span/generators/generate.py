"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(a, b):
    return f"{a} {b}\n"


def cases():
    rng = random.Random(4102)
    for name, a, b in (("one", 1, 1), ("two", 2, 2), ("no-prime", 24, 28), ("first-ten", 1, 10), ("whole", 1, 300)):
        yield name, show(a, b)
    for index in range(3):
        a = rng.randint(1, 40)
        yield f"short-{index}", show(a, a + rng.randint(0, 12))
    for index in range(3):
        a = rng.randint(1, 150)
        yield f"long-{index}", show(a, rng.randint(a, 300))


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
