# Looks at the degrees only, and not whether all garlands hang together.
n, m = map(int, input().split())
adj = [set() for _ in range(n + 1)]
ends = []
for i in range(m):
    a, b = map(int, input().split())
    ends.append(a + b)
    adj[a].add(i)
    adj[b].add(i)
odd = [v for v in range(1, n + 1) if len(adj[v]) % 2]
if len(odd) > 2:
    print("IMPOSSIBLE")
else:
    stack = [odd[0] if odd else next(v for v in range(1, n + 1) if adj[v])]
    walk = []
    while stack:
        v = stack[-1]
        if adj[v]:
            i = adj[v].pop()
            w = ends[i] - v
            adj[w].discard(i)
            stack.append(w)
        else:
            walk.append(stack.pop())
    print(*walk)
