"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def word(rng, letters, low, high):
    return "".join(rng.choice(letters) for _ in range(rng.randint(low, high)))


def show(words):
    return f"{len(words)}\n" + "".join(text + "\n" for text in words)


def cases():
    rng = random.Random(20201)
    yield "one-word", show(["a"])
    yield "equal-words", show(["abc", "abc"])
    yield "same-letters-other-counts", show(["aab", "abb", "ab", "baa"])
    yield "same-sum", show(["ad", "bc", "cb", "aaaaaaaaaaaa", "b"])
    for index in range(4):
        yield f"small-{index}", show([word(rng, "abc", 1, 4) for _ in range(rng.randint(5, 12))])
    yield "all-equal", show(["z"] * 7000)
    yield "all-different", show([word(rng, "abcdefghijklmnopqrstuvwxyz", 12, 12) for _ in range(6000)])
    yield "few-letters", show([word(rng, "xy", 1, 12) for _ in range(5000)])


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
