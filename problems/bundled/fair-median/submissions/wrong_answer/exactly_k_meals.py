# Looks at rows of exactly k meals only.
from bisect import bisect_left, insort

n, k = map(int, input().split())
marks = list(map(int, input().split()))
row = sorted(marks[:k])
best = row[(k - 1) // 2]
for i in range(k, n):
    del row[bisect_left(row, marks[i - k])]
    insort(row, marks[i])
    best = max(best, row[(k - 1) // 2])
print(best)
