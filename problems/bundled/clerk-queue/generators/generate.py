"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def case(rng, n, k, span, service):
    arrivals = sorted(rng.randint(0, span) for _ in range(n))
    return f"{n} {k}\n" + "".join(f"{arrival} {rng.randint(1, service)}\n" for arrival in arrivals)


def cases():
    rng = random.Random(20204)
    yield "smallest", "1 1\n0 1\n"
    yield "late-customer", "1 3\n1000000000 1000000000\n"
    yield "idle-between", "2 1\n0 3\n100 5\n"
    yield "last-is-not-latest", "3 2\n0 50\n1 2\n2 3\n"
    for index in range(4):
        yield f"small-{index}", case(rng, rng.randint(4, 9), rng.randint(1, 3), 12, 9)
    yield "one-clerk-max", case(rng, 3000, 1, 10**6, 10**9)
    yield "more-clerks-than-needed", case(rng, 1000, 6000, 1000, 10**6)
    yield "busy-max", case(rng, 6000, 37, 10**9, 10**7)
    yield "all-at-once-max", "6000 40\n" + "".join(f"0 {rng.randint(1, 10**9)}\n" for _ in range(6000))


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
