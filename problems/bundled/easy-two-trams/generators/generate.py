"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(rows):
    return "\n".join([str(len(rows)), *(" ".join(map(str, row)) for row in rows)]) + "\n"


def cases():
    rng = random.Random(4164)
    yield "one", show([(1, 1)])
    yield "both-ways", show([(3, 8), (8, 3), (4, 4)])
    for index in range(5):
        yield f"small-{index}", show([(rng.randint(1, 20), rng.randint(1, 20)) for _ in range(rng.randint(1, 6))])
    yield "largest", show([(1, 10**9), (10**9, 1), (10**9, 10**9), (10**9, 10**9 - 1)])
    yield "rising", show([(i, 10**9 - i) for i in range(1, 101)])
    for index in range(2):
        yield f"random-max-{index}", show([(rng.randint(1, 10**9), rng.randint(1, 10**9)) for _ in range(100)])


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
