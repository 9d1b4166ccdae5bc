"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(30108)
    fibonacci = ["a", "ab"]
    while len(fibonacci[-1]) < 15000:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])

    def word(letters, length):
        return "".join(rng.choice(letters) for _ in range(length)) + "\n"

    yield "one-letter", "q\n"
    yield "all-different", "abcdefghijklmnopqrstuvwxyz\n"
    yield "square", "abcabc\n"
    for index in range(4):
        yield f"small-{index}", word("ab", rng.randint(6, 14))
    yield "middle", word("abcdefghijklmnopqrstuvwxyz", 900)
    yield "two-letters", word("ab", 20000)
    yield "same-letter-max", "a" * 20000 + "\n"
    yield "two-blocks", "a" * 6000 + "b" * 6000 + "\n"
    yield "fibonacci", fibonacci[-1] + "\n"
    yield "random-max", word("abcdefghijklmnopqrstuvwxyz", 20000)


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
