"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(k, words):
    return "\n".join([f"{len(words)} {k}", *words]) + "\n"


def cases():
    rng = random.Random(4113)
    yield "one", show(1, ["a"])
    yield "shorter", show(10, ["bob", "eve"])
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    for index in range(5):
        words = ["".join(rng.choice("abeio") for _ in range(rng.randint(1, 8))) for _ in range(rng.randint(2, 7))]
        yield f"small-{index}", show(rng.randint(1, 5), words)
    for index in range(4):
        words = ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 20))) for _ in range(100)]
        yield f"random-max-{index}", show(rng.randint(1, 20), words)


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
