import sys


def main():
    n, m, *ends = map(int, sys.stdin.read().split())
    garlands = [[] for _ in range(n + 1)]
    for number in range(m):
        garlands[ends[2 * number]].append(number)
        garlands[ends[2 * number + 1]].append(number)
    odd = [corner for corner in range(1, n + 1) if len(garlands[corner]) % 2]
    used = [False] * m
    path = [odd[0] if odd else ends[0]]
    walk = []
    # Hierholzer: go on while a garland is left here; where none is, the walk is finished backwards.
    while path:
        here = path[-1]
        while garlands[here] and used[garlands[here][-1]]:
            garlands[here].pop()
        if garlands[here]:
            number = garlands[here].pop()
            used[number] = True
            path.append(ends[2 * number] + ends[2 * number + 1] - here)
        else:
            walk.append(path.pop())
    print(*walk if len(odd) <= 2 and len(walk) == m + 1 else ["IMPOSSIBLE"])


main()
