"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


PAIRS = ("()", "[]", "{}")


def sound(rng, pairs):
    """A sound log with that many pairs."""
    text, open_crates = [], []
    while pairs or open_crates:
        if pairs and (not open_crates or rng.random() < 0.55):
            kind = rng.choice(PAIRS)
            text.append(kind[0])
            open_crates.append(kind[1])
            pairs -= 1
        else:
            text.append(open_crates.pop())
    return "".join(text)


def cases():
    rng = random.Random(20104)
    yield "opens-only", "(\n"
    yield "closes-only", "]\n"
    yield "closes-too-much", "(){}]()\n"
    yield "crossed", "({)}\n"
    yield "small-sound", sound(rng, 8) + "\n"
    for index in range(3):
        yield f"small-{index}", "".join(rng.choice("()[]{}") for _ in range(rng.randint(3, 12))) + "\n"
    yield "left-open", sound(rng, 500) + "[" + sound(rng, 500) + "\n"
    broken = list(sound(rng, 5000))
    broken[7777] = "}" if broken[7777] != "}" else ")"
    yield "one-wrong", "".join(broken) + "\n"
    yield "deep-max", "[" * 25000 + "]" * 25000 + "\n"
    yield "sound-max", sound(rng, 25000) + "\n"


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
