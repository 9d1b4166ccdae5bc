# Lets each volunteer try each shift or none, and keeps the best assignment.
import sys

sys.setrecursionlimit(5000)
n, m, k = map(int, input().split())
suits = [[] for _ in range(n + 1)]
for _ in range(k):
    v, s = map(int, input().split())
    suits[v].append(s)
best = {}
taken = {}


def go(v):
    global best
    if len(taken) > len(best):
        best = dict(taken)
    if v > n or len(best) == min(n, m) or len(taken) + n - v + 1 <= len(best):
        return
    for s in suits[v]:
        if s not in taken:
            taken[s] = v
            go(v + 1)
            del taken[s]
    go(v + 1)


go(1)
print(len(best))
for s, v in best.items():
    print(v, s)
