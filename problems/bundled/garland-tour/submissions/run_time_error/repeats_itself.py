# @EXPECTED_RESULTS@: OLE
# Was to print the unfinished walk once, but `while` stands where `if` was meant.
n, m = map(int, input().split())
adj = [[] for _ in range(n + 1)]
for i in range(m):
    a, b = map(int, input().split())
    adj[a].append((b, i))
    adj[b].append((a, i))
odd = [v for v in range(1, n + 1) if len(adj[v]) % 2]
if len(odd) > 2:
    print("IMPOSSIBLE")
else:
    used = [False] * m
    stack = [odd[0] if odd else next(v for v in range(1, n + 1) if adj[v])]
    walk = []
    while stack:
        v = stack[-1]
        while adj[v] and used[adj[v][-1][1]]:
            adj[v].pop()
        if adj[v]:
            w, i = adj[v].pop()
            used[i] = True
            stack.append(w)
        else:
            walk.append(stack.pop())
    line = " ".join(map(str, walk))
    while len(walk) != m + 1:
        print("unfinished:", line)
    print(line)
