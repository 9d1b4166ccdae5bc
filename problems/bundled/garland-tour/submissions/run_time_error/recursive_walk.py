# The right walk by recursion, one call for each garland.
n, m = map(int, input().split())
adj = [[] for _ in range(n + 1)]
for i in range(m):
    a, b = map(int, input().split())
    adj[a].append((b, i))
    adj[b].append((a, i))
used = set()
walk = []


def visit(v):
    while adj[v]:
        w, i = adj[v].pop()
        if i not in used:
            used.add(i)
            visit(w)
    walk.append(v)


odd = [v for v in range(1, n + 1) if len(adj[v]) % 2]
if len(odd) <= 2:
    visit(odd[0] if odd else next(v for v in range(1, n + 1) if adj[v]))
print(*walk if len(walk) == m + 1 else ["IMPOSSIBLE"])
