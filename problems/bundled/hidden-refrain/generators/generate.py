"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def word(rng, letters, length):
    return "".join(rng.choice(letters) for _ in range(length))


def cases():
    rng = random.Random(30107)
    yield "one-letter-differs", "a\nb\n"
    yield "refrain-too-long", "abc\nabcd\n"
    yield "whole-song", "abcde\nabxde\n"
    yield "two-wrong-letters", "abcde\nxbcdx\n"
    yield "overlaps", "abababab\nabab\n"
    for index in range(4):
        yield f"small-{index}", f"{word(rng, 'ab', rng.randint(8, 20))}\n{word(rng, 'ab', rng.randint(3, 5))}\n"
    yield "same-letter-max", "a" * 30000 + "\n" + "a" * 15000 + "\n"
    yield "one-b-inside", "a" * 14000 + "b" + "a" * 14000 + "\n" + "a" * 9000 + "\n"
    yield "late-mismatches", "a" * 20000 + "\n" + "a" * 9998 + "bb\n"
    refrain = word(rng, "abc", 97)
    yield "hidden-often", "".join(refrain[:i] + "z" + refrain[i + 1 :] for i in range(97)) + "\n" + refrain + "\n"
    yield "random-max", word(rng, "ab", 30000) + "\n" + word(rng, "ab", 6) + "\n"


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
