# Lets pictures follow that are taken at the same height.
from bisect import bisect_right

n = int(input())
h = list(map(int, input().split()))
tails, at, prev = [], [], [-1] * n
for i, x in enumerate(h):
    k = bisect_right(tails, x)
    if k == len(tails):
        tails.append(x)
        at.append(i)
    else:
        tails[k] = x
        at[k] = i
    if k:
        prev[i] = at[k - 1]
i = at[-1]
climb = []
while i >= 0:
    climb.append(i + 1)
    i = prev[i]
print(len(climb))
print(*reversed(climb))
