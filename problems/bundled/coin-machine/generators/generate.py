"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(20108)
    yield "one-coin", "1 1\n1\n"
    yield "coin-too-large", "1 3\n4\n"
    yield "largest-first-fails", "3 6\n1 3 4\n"
    yield "largest-first-gets-stuck", "2 12\n5 6\n"
    for index in range(4):
        values = rng.sample(range(1, 12), rng.randint(2, 4))
        yield f"small-{index}", f"{len(values)} {rng.randint(8, 30)}\n{' '.join(map(str, values))}\n"
    yield "only-even", "5 9999\n2 10 50 100 1000\n"
    yield "ones-max", "1 10000\n1\n"
    yield "close-values", "10 9973\n91 93 95 97 99 101 103 105 107 109\n"
    yield "random-max", "10 10000\n" + " ".join(map(str, rng.sample(range(3, 400), 10))) + "\n"


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
