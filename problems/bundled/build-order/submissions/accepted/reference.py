import sys


def main():
    n, _, *numbers = map(int, sys.stdin.read().split())
    followers = [[] for _ in range(n + 1)]
    missing = [0] * (n + 1)  # how many rules hold a step back
    for before, after in zip(numbers[::2], numbers[1::2]):
        followers[before].append(after)
        missing[after] += 1
    order = [step for step in range(1, n + 1) if not missing[step]]
    for step in order:  # grows while it is read
        for after in followers[step]:
            missing[after] -= 1
            if not missing[after]:
                order.append(after)
    print(*order if len(order) == n else ["IMPOSSIBLE"])


main()
