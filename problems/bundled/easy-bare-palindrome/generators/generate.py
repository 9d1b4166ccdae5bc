"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(string):
    return string + "\n"


def mirrored(rng, letters, length):
    """Letters that read the same backwards, with a vowel behind each."""
    half = [rng.choice(letters) for _ in range(length // 2)]
    return "".join(letter + rng.choice("aeiou") for letter in half + half[::-1])


def cases():
    rng = random.Random(4152)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    yield "one", show("b")
    yield "vowels-and-one", show("aeixoo")
    yield "middle-differs", show("tabcet")
    for index in range(4):
        yield f"small-{index}", show("".join(rng.choice("abeot") for _ in range(rng.randint(2, 8))) + "t")
    for index in range(2):
        yield f"mirrored-{index}", show(mirrored(rng, "bcdnt", 500))
    yield "mirrored-but-one", show("b" + mirrored(rng, "cdnt", 498))
    yield "equal-max", show("z" * 1000)
    yield "random-max", show("".join(rng.choice(alphabet) for _ in range(1000)))


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
