# Tries all combinations, largest coins first, and cuts those that already need too many coins.
import sys

sys.setrecursionlimit(20000)
k, t = map(int, input().split())
coins = sorted(map(int, input().split()), reverse=True)
best = t + 1


def search(i, rest, used):
    global best
    if rest == 0:
        best = min(best, used)
        return
    if i == k or used + 1 >= best:
        return
    for count in range(rest // coins[i], -1, -1):
        search(i + 1, rest - count * coins[i], used + count)


search(0, t, 0)
print(best if best <= t else -1)
