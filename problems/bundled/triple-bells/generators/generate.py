"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(20106)
    yield "smallest", "1 1 1 1\n"
    yield "too-early", "5 6 7 8\n"
    yield "same-bells", "100 4 4 4\n"
    yield "shared-factors", "1000 12 18 30\n"
    yield "one-divides", "997 3 6 24\n"
    for index in range(4):
        intervals = " ".join(str(rng.randint(1, 12)) for _ in range(3))
        yield f"small-{index}", f"{rng.randint(10, 300)} {intervals}\n"
    yield "every-minute-max", "1000000000000000000 1 1000000 999999\n"
    yield "beyond-doubles", "999999999999999999 3 7 9\n"
    yield "large-max", "1000000000000000000 999983 999979 999961\n"
    yield "large-shared", "987654321987654321 720720 831600 997920\n"


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
