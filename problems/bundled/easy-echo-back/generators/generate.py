"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def string(rng, letters, length):
    return "".join(rng.choice(letters) for _ in range(length)) + "\n"


def cases():
    rng = random.Random(4163)
    both = "abcdefghijklmnopqrstuvwxyz0123456789"
    yield "one", "a\n"
    yield "two-equal", "zz\n"
    yield "palindrome", "level\n"
    yield "digits", "1002\n"
    for index in range(4):
        yield f"small-{index}", string(rng, "abc1", rng.randint(3, 9))
    yield "all-equal", "w" * 1000 + "\n"
    for index in range(2):
        yield f"random-max-{index}", string(rng, both, 1000)


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
