"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(words):
    return " ".join(words) + "\n"


def word(rng, letters, longest):
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, longest)))


def cases():
    rng = random.Random(4161)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    yield "one-vowel", show(["a"])
    yield "one-consonant", show(["z"])
    yield "every-vowel", show(["ox", "ink", "at", "up", "eel"])
    for index in range(4):
        yield f"small-{index}", show([word(rng, "abeio", 5) for _ in range(rng.randint(2, 9))])
    yield "all-longest", show([rng.choice("aeioub") + "w" * 18 + rng.choice(alphabet) for _ in range(100)])
    yield "all-shortest", show([word(rng, alphabet, 1) for _ in range(100)])
    for index in range(2):
        yield f"random-max-{index}", show([word(rng, alphabet, 20) for _ in range(100)])


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
