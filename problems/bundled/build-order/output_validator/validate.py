"""Accepts every order of all steps that keeps the rules; `IMPOSSIBLE` only where the judge's answer says so."""

import sys
from pathlib import Path


def reject(message):
    (Path(sys.argv[3]) / "judgemessage.txt").write_text(message + "\n")
    sys.exit(43)


def main():
    n, _, *numbers = map(int, Path(sys.argv[1]).read_text().split())
    possible = Path(sys.argv[2]).read_text().split() != ["IMPOSSIBLE"]
    words = sys.stdin.buffer.read().split()
    if words == [b"IMPOSSIBLE"]:
        sys.exit(42) if not possible else reject("says IMPOSSIBLE, but an order exists")
    if not possible:
        reject("there is no order; IMPOSSIBLE was expected")
    if len(words) != n:
        reject(f"prints {len(words)} words instead of {n}")
    place = {}
    for index, word in enumerate(words):
        if len(word) > 9 or not word.isdigit() or not 1 <= int(word) <= n:
            reject(f"word {index + 1} is not a step from 1 to {n}")
        if place.setdefault(int(word), index) != index:
            reject(f"step {int(word)} is printed twice")
    for before, after in zip(numbers[::2], numbers[1::2]):
        if place[before] > place[after]:
            reject(f"step {before} must come before step {after}")
    sys.exit(42)


main()
