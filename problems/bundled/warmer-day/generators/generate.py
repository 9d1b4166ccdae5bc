"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(days):
    return f"{len(days)}\n{' '.join(map(str, days))}\n"


def cases():
    rng = random.Random(20202)
    yield "one-day", show([-999])
    yield "equal-days", show([5, 5, 5, 6])
    yield "falling", show([9, 7, 4, 1])
    yield "warm-end", show([3, 2, 1, 0, -1, 4])
    for index in range(4):
        yield f"small-{index}", show([rng.randint(-3, 6) for _ in range(rng.randint(4, 12))])
    yield "slow-fall", show([900 - day // 14 for day in range(18000)] + [950])
    yield "saw", show([day % 10 for day in range(8000)])
    yield "random-max", show([rng.randint(-999, 999) for _ in range(20000)])


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
