"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(30104)
    yield "one", "1 1 1\n"
    yield "one-digit", "1 9 4\n"
    yield "ends-included", "13 31 4\n"
    yield "zero-inside", "100 310 2\n"
    yield "power-of-ten", "1000 1000 1\n"
    for index in range(4):
        first = rng.randint(1, 2000)
        yield f"small-{index}", f"{first} {first + rng.randint(50, 3000)} {rng.randint(1, 9)}\n"
    yield "nothing", "100000000000 1000000000000 100\n"
    yield "everything-max", "1 1000000000000000000 1\n"
    yield "large", f"{rng.randint(10**15, 10**16)} {rng.randint(10**17, 10**18)} 7\n"
    yield "high-sums-max", "1 1000000000000000000 97\n"
    yield "last-number", "1000000000000000000 1000000000000000000 1\n"


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
