# Computes the values by recursion with a memory; large piles are too deep.
from functools import cache

n, k = map(int, input().split())
takes = list(map(int, input().split()))
piles = list(map(int, input().split()))


@cache
def value(p):
    seen = {value(p - t) for t in takes if t <= p}
    v = 0
    while v in seen:
        v += 1
    return v


total = 0
for p in piles:
    total ^= value(p)
if total == 0:
    print("SECOND")
else:
    print("FIRST")
    print(*next((i, t) for i, p in enumerate(piles, 1) for t in takes if t <= p and value(p - t) == value(p) ^ total))
