# Orders by depth-first search and never notices a circle of rules.
import sys

n, m, *data = map(int, sys.stdin.read().split())
followers = [[] for _ in range(n + 1)]
for a, b in zip(data[::2], data[1::2]):
    followers[a].append(b)
seen = [False] * (n + 1)
done = []
for start in range(1, n + 1):
    if seen[start]:
        continue
    seen[start] = True
    stack = [(start, 0)]
    while stack:
        step, i = stack.pop()
        if i == len(followers[step]):
            done.append(step)
            continue
        stack.append((step, i + 1))
        nxt = followers[step][i]
        if not seen[nxt]:
            seen[nxt] = True
            stack.append((nxt, 0))
print(*reversed(done))
