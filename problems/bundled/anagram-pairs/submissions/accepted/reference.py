import sys
from collections import Counter

words = sys.stdin.read().split()[1:]
groups = Counter("".join(sorted(word)) for word in words)
print(sum(size * (size - 1) // 2 for size in groups.values()))
