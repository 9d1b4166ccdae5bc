"""Accepts every walk that uses each garland once; `IMPOSSIBLE` only where the judge's answer says so."""

import sys
from collections import Counter
from pathlib import Path


def reject(message):
    (Path(sys.argv[3]) / "judgemessage.txt").write_text(message + "\n")
    sys.exit(43)


def main():
    n, m, *ends = map(int, Path(sys.argv[1]).read_text().split())
    possible = Path(sys.argv[2]).read_text().split() != ["IMPOSSIBLE"]
    words = sys.stdin.buffer.read().split()
    if words == [b"IMPOSSIBLE"]:
        sys.exit(42) if not possible else reject("says IMPOSSIBLE, but a walk exists")
    if not possible:
        reject("there is no walk; IMPOSSIBLE was expected")
    if len(words) != m + 1:
        reject(f"prints {len(words)} words instead of {m + 1}")
    for place, word in enumerate(words, start=1):
        if len(word) > 9 or not word.isdigit() or not 1 <= int(word) <= n:
            reject(f"word {place} is not a corner from 1 to {n}")
    walk = list(map(int, words))
    left = Counter(tuple(sorted(pair)) for pair in zip(ends[::2], ends[1::2]))
    for step, pair in enumerate(zip(walk, walk[1:]), start=1):
        left[tuple(sorted(pair))] -= 1
        if left[tuple(sorted(pair))] < 0:
            reject(f"step {step} from {pair[0]} to {pair[1]}: no garland is left there")
    sys.exit(42)


main()
