"""Accepts the right winner, and for the first player every move after which the second player loses."""

import sys
from pathlib import Path


def reject(message):
    (Path(sys.argv[3]) / "judgemessage.txt").write_text(message + "\n")
    sys.exit(43)


def grundy_values(largest, takes):
    values = []
    for size in range(largest + 1):
        reachable = {values[size - take] for take in takes if take <= size}
        values.append(min(set(range(len(takes) + 1)) - reachable))
    return values


def main():
    _, takes, piles = (list(map(int, line.split())) for line in Path(sys.argv[1]).read_text().splitlines())
    winner = Path(sys.argv[2]).read_text().split()[0]
    words = sys.stdin.buffer.read().split()
    if not words or words[0] != winner.encode():
        reject(f"{winner} was expected as the winner")
    if len(words) != (3 if winner == "FIRST" else 1):
        reject(f"prints {len(words)} words, too many or too few")
    if winner == "SECOND":
        sys.exit(42)
    if any(len(word) > 9 or not word.isdigit() for word in words[1:]):
        reject("the move is not two numbers")
    pile, take = map(int, words[1:])
    if not 1 <= pile <= len(piles) or take not in takes or take > piles[pile - 1]:
        reject(f"taking {take} from pile {pile} is not allowed")
    piles[pile - 1] -= take
    values = grundy_values(max(piles), takes)
    total = 0
    for size in piles:
        total ^= values[size]
    sys.exit(42) if total == 0 else reject(f"taking {take} from pile {pile} does not win")


main()
