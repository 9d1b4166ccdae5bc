# Walks on as long as it can, and gives up when it gets stuck before the end.
n, m = map(int, input().split())
adj = [[] for _ in range(n + 1)]
for i in range(m):
    a, b = map(int, input().split())
    adj[a].append((b, i))
    adj[b].append((a, i))
odd = [v for v in range(1, n + 1) if len(adj[v]) % 2]
here = odd[0] if odd else next(v for v in range(1, n + 1) if adj[v])
used = [False] * m
walk = [here]
moved = True
while moved:
    moved = False
    for nxt, i in adj[here]:
        if not used[i]:
            used[i] = True
            here = nxt
            walk.append(here)
            moved = True
            break
print(*walk if len(walk) == m + 1 else ["IMPOSSIBLE"])
