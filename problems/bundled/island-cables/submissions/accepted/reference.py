import sys


def main():
    n, _, *numbers = map(int, sys.stdin.read().split())
    parent = list(range(n + 1))

    def root(island):
        while parent[island] != island:
            parent[island] = parent[parent[island]]
            island = parent[island]
        return island

    total, groups = 0, n
    for cost, a, b in sorted(zip(numbers[2::3], numbers[::3], numbers[1::3])):
        one, other = root(a), root(b)
        if one != other:
            parent[one] = other
            total += cost
            groups -= 1
    print(total if groups == 1 else -1)


main()
