"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(values, questions):
    lines = [(len(values), len(questions)), values, *questions]
    return "\n".join(" ".join(map(str, line)) for line in lines) + "\n"


def draw(rng, n, q, low, high):
    questions = [sorted((rng.randint(1, n), rng.randint(1, n))) for _ in range(q)]
    return show([rng.randint(low, high) for _ in range(n)], questions)


def cases():
    rng = random.Random(4167)
    yield "one-even", show([2], [(1, 1)])
    yield "one-odd", show([1], [(1, 1)])
    yield "every-question", show([4, 7, 4], [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)])
    for index in range(4):
        yield f"small-{index}", draw(rng, rng.randint(2, 8), rng.randint(1, 5), 1, 20)
    yield "all-even", show([100] * 500, [(1, 500)] * 500)
    yield "all-odd", show([99] * 500, [(1, 500), (250, 500), (500, 500)])
    for index in range(2):
        yield f"random-max-{index}", draw(rng, 500, 500, 1, 100)


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
