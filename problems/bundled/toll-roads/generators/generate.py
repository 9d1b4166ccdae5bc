"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(n, roads):
    return f"{n} {len(roads)}\n" + "".join(f"{a} {b} {c}\n" for a, b, c in roads)


def random_roads(rng, n, m, dearest):
    roads = [(rng.randint(max(1, town - 9), town - 1), town, rng.randint(1, dearest)) for town in range(2, n + 1)]
    while len(roads) < m:
        roads.append((*rng.sample(range(1, n + 1), 2), rng.randint(1, dearest)))
    rng.shuffle(roads)
    return roads[:m]


def cases():
    rng = random.Random(30102)
    yield "one-road", show(2, [(2, 1, 10**9)])
    yield "no-road", show(2, [])
    yield "voucher-changes-the-way", show(4, [(1, 2, 5), (2, 3, 5), (3, 4, 5), (1, 4, 100)])
    yield "detour-for-the-voucher", show(5, [(1, 2, 4), (2, 5, 4), (1, 3, 1), (3, 4, 50), (4, 5, 1)])
    for index in range(4):
        n = rng.randint(4, 7)
        yield f"small-{index}", show(n, random_roads(rng, n, n + 4, 20))
    yield "other-part", show(900, [(a, b, c) for a, b, c in random_roads(rng, 899, 1800, 99)])
    path = [(town, town + 1, 10**9) for town in range(1, 2500)]
    yield "path-max", show(2500, path)
    ladder = [(t, t + 2, 10**6 - t) for t in range(1, 2499)] + [(t, t + 1, 1 + t % 3) for t in range(1, 2500)]
    yield "ladder", show(2500, ladder)
    yield "random-max", show(2500, random_roads(rng, 2500, 6000, 10**9))


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
