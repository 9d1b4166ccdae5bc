# Computes the flow with the widths of the passages only.
from collections import deque

n, m = map(int, input().split())
input()
cap = [[0] * n for _ in range(n)]
for _ in range(m):
    a, b, c = map(int, input().split())
    cap[a - 1][b - 1] += c
flow = 0
while True:
    came = {0: None}
    queue = deque([0])
    while queue and n - 1 not in came:
        u = queue.popleft()
        for v in range(n):
            if cap[u][v] > 0 and v not in came:
                came[v] = u
                queue.append(v)
    if n - 1 not in came:
        break
    path, v = [], n - 1
    while v:
        path.append((came[v], v))
        v = came[v]
    amount = min(cap[u][v] for u, v in path)
    for u, v in path:
        cap[u][v] -= amount
        cap[v][u] += amount
    flow += amount
print(flow)
