"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(n, offers):
    return f"{n} {len(offers)}\n" + "".join(f"{a} {b} {c}\n" for a, b, c in offers)


def random_offers(rng, n, m, dearest, *, connected=True):
    offers = []
    if connected:
        offers = [(rng.randint(1, island - 1), island, rng.randint(0, dearest)) for island in range(2, n + 1)]
    while len(offers) < m:
        a, b = rng.sample(range(1, n + 1), 2)
        offers.append((a, b, rng.randint(0, dearest)))
    rng.shuffle(offers)
    return offers


def cases():
    rng = random.Random(20208)
    yield "one-island", "1 0\n"
    yield "two-apart", "2 0\n"
    yield "parallel-offers", show(2, [(1, 2, 9), (2, 1, 3), (1, 2, 5)])
    yield "cheapest-at-each-island", show(4, [(1, 2, 1), (3, 4, 1), (2, 3, 50), (1, 4, 40)])
    for index in range(4):
        n = rng.randint(3, 6)
        yield f"small-{index}", show(n, random_offers(rng, n, rng.randint(n, n + 5), 9, connected=index != 3))
    yield "all-free", show(1000, random_offers(rng, 1000, 1200, 0))
    yield "one-island-left", show(1500, random_offers(rng, 1499, 3000, 10**6))
    path = [(island, island + 1, rng.randint(1, 10**6)) for island in range(1, 4000)]
    yield "path-max", show(4000, path[::-1])
    yield "random-max", show(4000, random_offers(rng, 4000, 8000, 10**6))


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
