"""Accepts every assignment of the largest size that uses given pairs, each volunteer and shift once."""

import sys
from pathlib import Path


def reject(message):
    (Path(sys.argv[3]) / "judgemessage.txt").write_text(message + "\n")
    sys.exit(43)


def main():
    _, _, _, *numbers = map(int, Path(sys.argv[1]).read_text().split())
    allowed = set(zip(numbers[::2], numbers[1::2]))
    best = int(Path(sys.argv[2]).read_text().split()[0])
    words = sys.stdin.buffer.read().split()
    for place, word in enumerate(words, start=1):
        if len(word) > 9 or not word.isdigit():
            reject(f"word {place} is not a number")
    if not words or int(words[0]) != best:
        reject(f"says that {int(words[0]) if words else 'nothing'} can be covered; {best} was expected")
    if len(words) != 1 + 2 * best:
        reject(f"prints {len(words) - 1} numbers after the first line instead of {2 * best}")
    pairs = list(zip(map(int, words[1::2]), map(int, words[2::2])))
    for pair in pairs:
        if pair not in allowed:
            reject(f"shift {pair[1]} does not suit volunteer {pair[0]}")
    if len({v for v, _ in pairs}) != best or len({s for _, s in pairs}) != best:
        reject("a volunteer or a shift is used twice")
    sys.exit(42)


main()
