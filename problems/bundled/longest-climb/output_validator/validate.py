"""Accepts every climb of the largest length."""

import sys
from pathlib import Path


def reject(message):
    (Path(sys.argv[3]) / "judgemessage.txt").write_text(message + "\n")
    sys.exit(43)


def main():
    n, *heights = map(int, Path(sys.argv[1]).read_text().split())
    best = int(Path(sys.argv[2]).read_text().split()[0])
    words = sys.stdin.buffer.read().split()
    for place, word in enumerate(words, start=1):
        if len(word) > 9 or not word.isdigit():
            reject(f"word {place} is not a number")
    if not words or int(words[0]) != best:
        reject(f"says that {int(words[0]) if words else 'nothing'} is the largest number; {best} was expected")
    stations = list(map(int, words[1:]))
    if len(stations) != best:
        reject(f"prints {len(stations)} stations instead of {best}")
    for station in stations:
        if not 1 <= station <= n:
            reject(f"{station} is not a station from 1 to {n}")
    for one, other in zip(stations, stations[1:]):
        if one >= other:
            reject(f"station {other} does not come after station {one}")
        if heights[one - 1] >= heights[other - 1]:
            reject(f"station {other} is not higher than station {one}")
    sys.exit(42)


main()
