"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(heaps):
    return f"{len(heaps)}\n{' '.join(map(str, heaps))}\n"


def cases():
    rng = random.Random(30209)
    yield "two-heaps", case([1, 1000000])
    yield "three-heaps", case([5, 1, 2])
    yield "light-pair-misleads", case([4, 3, 3, 4])
    yield "not-neighbours", case([1, 9, 1, 9, 1])
    for index in range(4):
        yield f"small-{index}", case([rng.randint(1, 12) for _ in range(rng.randint(4, 7))])
    yield "rising", case(list(range(1, 41)))
    yield "equal-max", case([1000000] * 120)
    yield "heavy-middle", case([1] * 59 + [1000000] * 2 + [1] * 59)
    yield "waves", case([1 + abs(step % 16 - 8) ** 3 for step in range(120)])
    yield "random-max", case([rng.randint(1, 10**6) for _ in range(120)])


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
