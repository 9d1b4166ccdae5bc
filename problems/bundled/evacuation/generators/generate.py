"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(halls, passages):
    lines = "".join(f"{a} {b} {c}\n" for a, b, c in passages)
    return f"{len(halls)} {len(passages)}\n{' '.join(map(str, halls))}\n{lines}"


def randoms(rng, n, m, widest):
    halls = [rng.randint(widest // 2, 2 * widest) for _ in range(n)]
    passages = [(*rng.sample(range(1, n + 1), 2), rng.randint(0, widest)) for _ in range(m)]
    return show(halls, passages)


def cases():
    rng = random.Random(30208)
    big = 10**6
    yield "one-passage", show([3, 3], [(1, 2, 2)])
    yield "no-passage", show([1, 1], [])
    yield "narrow-start", show([2, 9, 9], [(1, 2, 5), (2, 3, 5), (1, 3, 5)])
    yield "closed-hall", show([9, 0, 9, 9], [(1, 2, 5), (2, 4, 5), (1, 3, 1), (3, 4, 5)])
    yield "must-turn-back", show([9] * 4, [(1, 2, 1), (2, 3, 1), (1, 3, 1), (2, 4, 1), (3, 4, 1)])
    yield "parallel-and-circles", show([99] * 3, [(1, 2, 3), (1, 2, 4), (2, 1, 9), (2, 3, 5), (3, 2, 7), (2, 3, 1)])
    for index in range(4):
        n = rng.randint(4, 6)
        yield f"small-{index}", randoms(rng, n, rng.randint(8, 14), 9)
    yield "zigzag-max", show([big] * 4, [(1, 2, big // 2), (2, 3, 1), (1, 3, big // 2), (2, 4, big // 2), (3, 4, big // 2)])
    layers = [(1, hall, big // 9) for hall in range(2, 11)]
    layers += [(a, b, rng.randint(0, big)) for start in range(2, 42, 10) for a in range(start, start + 9) for b in rng.sample(range(start + 10, start + 19), 6)]
    layers += [(hall, 60, big // 9) for hall in range(42, 51)]
    yield "layers-max", show([rng.randint(big // 20, big // 5) if 1 < hall < 60 else big for hall in range(1, 61)], layers)
    yield "random-max", randoms(rng, 60, 300, big)


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
