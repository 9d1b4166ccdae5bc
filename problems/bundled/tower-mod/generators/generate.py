"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(floors, m):
    return f"{len(floors)} {m}\n{' '.join(map(str, floors))}\n"


def cases():
    rng = random.Random(30106)
    yield "modulus-one", case([5], 1)
    yield "single-floor", case([1000000000], 999999937)
    yield "ones-on-top", case([7, 1, 999], 10)
    yield "one-below", case([3, 1, 10**9, 10**9], 100)
    yield "not-coprime", case([2, 2, 2, 2], 48)
    yield "small-exponent-not-coprime", case([6, 2], 72)
    yield "multiple-of-modulus", case([12, 5, 5], 6)
    for index in range(4):
        floors = [rng.randint(1, 4) for _ in range(3)]
        yield f"small-{index}", case(floors, rng.randint(2, 60))
    yield "huge-exponent", case([10**9 - 1, 10**9, 10**9], 2**29)
    yield "twos-max", case([2] * 1000, 3**18)
    yield "prime-max", case([10**9] * 1000, 999999937)
    yield "random-max", case([rng.randint(2, 10**9) for _ in range(1000)], 735134400)


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
