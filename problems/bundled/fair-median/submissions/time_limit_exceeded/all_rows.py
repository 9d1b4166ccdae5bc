# Grows a sorted row from each meal on.
from bisect import insort

n, k = map(int, input().split())
marks = list(map(int, input().split()))
best = 0
for start in range(n - k + 1):
    row = sorted(marks[start : start + k - 1])
    for end in range(start + k - 1, n):
        insort(row, marks[end])
        best = max(best, row[(len(row) - 1) // 2])
print(best)
