"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(20101)
    yield "one-bead", "1\nR\n"
    yield "two-different", "2\nBR\n"
    yield "whole-string", "10\nRRRRRBBBBB\n"
    for index in range(4):
        n = rng.randint(5, 14)
        yield f"small-{index}", f"{n}\n{''.join(rng.choice('RB') for _ in range(n))}\n"
    yield "starts-at-first-bead", "9\nRBRBRBRRR\n"
    yield "all-red-max", "30000\n" + "R" * 30000 + "\n"
    yield "lopsided", "20000\n" + "".join(rng.choice("RRB") for _ in range(20000)) + "\n"
    yield "random-max", "50000\n" + "".join(rng.choice("RB") for _ in range(50000)) + "\n"


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
