# Computes each value anew each time it is needed.
import sys

sys.setrecursionlimit(20000)
n, k = map(int, input().split())
takes = list(map(int, input().split()))
piles = list(map(int, input().split()))


def value(p):
    seen = {value(p - t) for t in takes if t <= p}
    v = 0
    while v in seen:
        v += 1
    return v


values = [value(p) for p in piles]
total = 0
for v in values:
    total ^= v
if total == 0:
    print("SECOND")
else:
    print("FIRST")
    print(*next((i + 1, t) for i, p in enumerate(piles) for t in takes if t <= p and value(p - t) == values[i] ^ total))
