"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def cases():
    rng = random.Random(30105)

    def prophecy(lengths, day):
        return f"{len(lengths)}\n" + "".join(f"{length} {day % length}\n" for length in lengths)

    yield "one-day-cycle", "1\n1 0\n"
    yield "creation", prophecy([4, 6, 9], 0)
    yield "shared-factors", prophecy([4, 6, 10, 15], 47)
    yield "contradiction", "2\n10 3\n15 4\n"
    yield "twice-the-same", "3\n9 5\n9 5\n3 2\n"
    for index in range(4):
        lengths = [rng.randint(2, 12) for _ in range(rng.randint(2, 4))]
        yield f"small-{index}", prophecy(lengths, rng.randint(0, 10**4))
    yield "late-contradiction", "3\n720720 5\n831600 5\n997920 6\n"
    yield "two-large-primes-max", prophecy([999999937, 999999929], 10**18 - 10**17)
    yield "nested-lengths", prophecy([2**exponent for exponent in range(10, 30)], 3**33)
    yield "many-factors-max", prophecy([720720, 831600, 997920, 942480, 999999937], 987654321987654321)


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
