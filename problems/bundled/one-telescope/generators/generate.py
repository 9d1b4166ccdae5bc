"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(wishes):
    return f"{len(wishes)}\n" + "".join(f"{start} {end}\n" for start, end in wishes)


def wish(rng, end, longest):
    start = rng.randint(0, end - 1)
    return start, min(end, start + rng.randint(1, longest))


def cases():
    rng = random.Random(20205)
    yield "one-group", show([(0, 1000000)])
    yield "touching", show([(0, 1), (1, 2), (2, 3)])
    yield "early-and-long", show([(0, 100), (10, 20), (30, 40), (50, 60)])
    yield "short-in-the-middle", show([(0, 10), (9, 12), (11, 20)])
    for index in range(4):
        yield f"small-{index}", show([wish(rng, 15, 6) for _ in range(rng.randint(4, 10))])
    yield "all-equal", show([(5, 8)] * 3000)
    yield "long-max", show([wish(rng, 1000000, 1000000) for _ in range(9000)])
    yield "short-max", show([wish(rng, 1000000, 90) for _ in range(9000)])


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
