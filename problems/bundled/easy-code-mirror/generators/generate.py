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
    rng = random.Random(4162)
    both = "abcdefghijklmnopqrstuvwxyz0123456789"
    yield "one-letter", "q\n"
    yield "one-digit", "7\n"
    yield "leading-zeros", "0a0b1c0\n"
    yield "mirrored-letters-only", "a1bb2a\n"
    for index in range(3):
        yield f"small-{index}", string(rng, "a12", rng.randint(3, 8))
    yield "letters-only", string(rng, "abcdefghij", 1000)
    yield "all-one-digit", "5" * 1000 + "\n"
    half = string(rng, "0123456789", 400).strip()
    yield "long-mirror", half + "xyz" * 60 + half[::-1] + "\n"
    yield "nearly-a-mirror", "1" + half + "xyz" * 60 + half[::-1] + "2\n"
    yield "random-max", string(rng, both, 1000)


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
