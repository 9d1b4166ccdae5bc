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
    rng = random.Random(4129)
    def rows(n, high):
        return [("".join(rng.choice("abeiorst") for _ in range(rng.randint(1, 8))), rng.randint(1, high)) for _ in range(n)]

    yield "one", show([("tea", 20)])
    yield "edge", show([("tea", 19), ("milk", 20), ("salt", 21)])
    for index in range(5):
        yield f"small-{index}", show(rows(rng.randint(1, 6), 40))
    yield "none", show([(name, 99) for name, _ in rows(100, 9)])
    for index in range(3):
        yield f"random-max-{index}", show(rows(100, 100))


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
