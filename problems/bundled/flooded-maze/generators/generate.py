"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def snake(height, width):
    """A maze with one long corridor that winds from top to bottom."""
    rows = []
    for row in range(height):
        wall = ["#"] * width
        wall[-1 if row % 4 == 1 else 0] = "."
        rows.append(["."] * width if row % 2 == 0 else wall)
    return rows


def scattered(rng, height, width, rock):
    return [["#" if rng.random() < rock else "." for _ in range(width)] for _ in range(height)]


def show(rows, start, end):
    rows[start[0]][start[1]] = "S"
    rows[end[0]][end[1]] = "E"
    return f"{len(rows)} {len(rows[0])}\n" + "".join("".join(row) + "\n" for row in rows)


def cases():
    rng = random.Random(20105)
    yield "two-squares", "1 2\nSE\n"
    yield "one-column", "5 1\nE\n.\n.\n.\nS\n"
    yield "walled-in", "3 3\n.#.\n#S#\n.#E\n"
    yield "several-ways", "3 5\nS....\n.###.\n....E\n"
    for index in range(3):
        yield f"small-{index}", show(scattered(rng, 5, 6, 0.3), (0, rng.randrange(6)), (4, rng.randrange(6)))
    yield "backwards-snake", show(snake(61, 60), (60, 59), (0, 0))
    yield "open-max", show(scattered(rng, 180, 180, 0.0), (90, 90), (0, 179))
    yield "no-way", show(scattered(rng, 100, 100, 0.55), (0, 0), (99, 99))
    yield "snake-max", show(snake(179, 180), (178, 179), (0, 0))
    yield "random-max", show(scattered(rng, 180, 180, 0.3), (0, 0), (179, 179))


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
