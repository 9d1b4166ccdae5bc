"""Writes data/secret: the inputs from `cases`, the answers from the reference solution.

Run it as `python generators/generate.py`; it always writes the same files.
"""

import random
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def show(values, queries):
    lines = [" ".join(map(str, query)) for query in queries]
    return "\n".join([f"{len(values)} {len(queries)}", " ".join(map(str, values)), *lines]) + "\n"


def cases():
    rng = random.Random(4111)
    yield "one", show([5], [(1, 1)])
    for index in range(5):
        n = rng.randint(2, 8)
        values = [rng.randint(1, 20) for _ in range(n)]
        yield f"small-{index}", show(values, [sorted((rng.randint(1, n), rng.randint(1, n))) for _ in range(4)])
    yield "rising", show(list(range(1, 101)), [(i, i) for i in range(1, 101)])
    yield "whole", show([rng.randint(1, 100) for _ in range(500)], [(1, 500)] * 500)
    for index in range(3):
        values = [rng.randint(1, 100) for _ in range(500)]
        yield f"random-max-{index}", show(values, [sorted((rng.randint(1, 500), rng.randint(1, 500))) for _ in range(500)])


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
