"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(n, m, pairs):
    return f"{n} {m} {len(pairs)}\n" + "".join(f"{v} {s}\n" for v, s in pairs)


def randoms(rng, n, m, k):
    pairs = set()
    while len(pairs) < k:
        pairs.add((rng.randint(1, n), rng.randint(1, m)))
    ordered = sorted(pairs)
    rng.shuffle(ordered)
    return show(n, m, ordered)


def cases():
    rng = random.Random(30203)
    yield "one-pair", show(1, 1, [(1, 1)])
    yield "nobody-wants", show(4, 3, [])
    yield "all-want-one", show(5, 2, [(v, 2) for v in range(1, 6)])
    yield "must-give-way", show(3, 3, [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (1, 3), (2, 3)])
    yield "two-steps-back", show(4, 4, [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (3, 1), (4, 1)])
    for index in range(4):
        n, m = rng.randint(3, 6), rng.randint(3, 6)
        yield f"small-{index}", randoms(rng, n, m, rng.randint(5, 10))
    dense = [(v, s) for v in range(1, 81) for s in range(1, 81) if s % 80 != 0]
    yield "one-too-many", show(80, 80, dense)
    # Volunteer v takes shift v first; the last one has only shift 1, and so everybody has to move on.
    chain = [pair for v in range(1, 2000) for pair in ((v, v), (v, v + 1))] + [(2000, 1)]
    yield "long-chain-max", show(2000, 2000, chain)
    yield "sparse-max", randoms(rng, 2000, 2000, 3500)
    yield "random-max", randoms(rng, 2000, 2000, 8000)


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
