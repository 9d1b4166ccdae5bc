# Compares which letters occur, not how often.
from collections import Counter

n = int(input())
groups = Counter(frozenset(input().strip()) for _ in range(n))
print(sum(c * (c - 1) // 2 for c in groups.values()))
