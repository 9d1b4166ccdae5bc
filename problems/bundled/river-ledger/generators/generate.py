"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(rng, n, q, low, high):
    gains = " ".join(str(rng.randint(low, high)) for _ in range(n))
    lines = "".join(f"{rng.randint(1, n)} {rng.randint(low, high)}\n" for _ in range(q))
    return f"{n} {q}\n{gains}\n{lines}"


def cases():
    rng = random.Random(30205)
    yield "one-day", "1 2\n5\n1 -5\n1 0\n"
    yield "only-losses", "3 2\n-1 -2 -3\n1 -9\n2 -4\n"
    yield "join-two-stretches", "5 1\n4 4 -100 4 4\n3 -1\n"
    yield "same-value-again", "4 2\n1 -1 1 -1\n2 -1\n2 -1\n"
    for index in range(4):
        n = rng.randint(3, 9)
        yield f"small-{index}", case(rng, n, 6, -9, 9)
    yield "all-losses", case(rng, 1000, 1000, -1000, -1)
    yield "largest-sums-max", "8000 2\n" + " ".join(["1000000"] * 8000) + "\n4000 -1000000\n4000 1000000\n"
    yield "not-a-power-of-two", case(rng, 4097, 500, -100, 100)
    yield "random-max", case(rng, 8000, 5000, -9999, 9999)


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
