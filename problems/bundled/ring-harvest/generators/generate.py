"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(trees):
    return f"{len(trees)}\n{' '.join(map(str, trees))}\n"


def cases():
    rng = random.Random(20109)
    yield "single", case([7])
    yield "pair", case([4, 9])
    yield "nothing-grows", case([0, 0, 0, 0])
    yield "ends-tempt", case([10, 1, 1, 10])
    yield "skip-two", case([9, 1, 1, 9, 1, 1])
    for index in range(4):
        yield f"small-{index}", case([rng.randint(0, 20) for _ in range(rng.randint(3, 9))])
    yield "odd-equal", case([10000] * 9999)
    yield "alternating", case([1, 1000] * 5000)
    yield "random-max", case([rng.randint(0, 10000) for _ in range(20000)])


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
