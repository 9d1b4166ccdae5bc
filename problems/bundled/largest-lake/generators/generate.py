"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def scattered(rng, height, width, water):
    return ["".join("~" if rng.random() < water else "." for _ in range(width)) for _ in range(height)]


def show(rows):
    return f"{len(rows)} {len(rows[0])}\n" + "".join(row + "\n" for row in rows)


def cases():
    rng = random.Random(20206)
    yield "one-land", show(["."])
    yield "one-water", show(["~"])
    yield "diagonal", show(["~.~", ".~.", "~.~"])
    yield "ring", show(["~~~~", "~..~", "~~~~"])
    for index in range(3):
        yield f"small-{index}", show(scattered(rng, rng.randint(2, 6), rng.randint(2, 6), 0.5))
    yield "one-column", show(["~", "~", ".", "~"] * 30)
    yield "chessboard", show([("~." * 75)[row % 2 :][:149] for row in range(150)])
    yield "all-water-max", show(["~" * 150] * 150)
    yield "winding", show(["~" * 150 if r % 2 == 0 else "." * 149 + "~" if r % 4 == 1 else "~" + "." * 149 for r in range(149)])
    yield "random-max", show(scattered(rng, 150, 150, 0.59))


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
