"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(n, rules):
    return f"{n} {len(rules)}\n" + "".join(f"{a} {b}\n" for a, b in rules)


def random_rules(rng, n, m):
    """Rules that a hidden order keeps."""
    order = rng.sample(range(1, n + 1), n)
    return [tuple(order[place] for place in sorted(rng.sample(range(n), 2))) for _ in range(m)]


def cases():
    rng = random.Random(20209)
    yield "one-step", show(1, [])
    yield "needs-itself", show(1, [(1, 1)])
    yield "doubled-rule", show(2, [(2, 1), (2, 1)])
    yield "many-first-steps", show(5, [(5, 1), (4, 1), (3, 2)])
    for index in range(4):
        n = rng.randint(4, 7)
        yield f"small-{index}", show(n, random_rules(rng, n, rng.randint(3, 8)))
    yield "small-cycle", show(6, [(1, 2), (2, 3), (4, 5), (5, 6), (6, 4)])
    yield "cycle-behind-max", show(8000, [(step, step + 1) for step in range(1, 8000)] + [(8000, 7990)])
    yield "backwards-chain-max", show(8000, [(step + 1, step) for step in range(1, 8000)])
    yield "random-max", show(8000, random_rules(rng, 8000, 10000))


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
