"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(rows):
    lines = [" ".join(map(str, row)) for row in rows]
    return "\n".join([f"{len(rows)} {len(rows[0])}", *lines]) + "\n"


def cases():
    rng = random.Random(4108)
    yield "one", show([[7]])
    yield "one-row", show([[1, 2, 3]])
    yield "column", show([[4], [9], [1]])
    for index in range(5):
        n, m = rng.randint(2, 6), rng.randint(1, 6)
        yield f"small-{index}", show([[rng.randint(0, 9) for _ in range(m)] for _ in range(n)])
    yield "equal", show([[99] * 50] * 50)
    for index in range(2):
        yield f"random-max-{index}", show([[rng.randint(0, 99) for _ in range(50)] for _ in range(50)])


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
