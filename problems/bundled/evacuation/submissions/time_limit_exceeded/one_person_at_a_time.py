# Finds a way for one person, again and again.
n, m = map(int, input().split())
widths = list(map(int, input().split()))
cap = [dict() for _ in range(2 * n)]


def add(u, v, c):
    cap[u][v] = cap[u].get(v, 0) + c
    cap[v].setdefault(u, 0)


for j in range(n):
    add(2 * j, 2 * j + 1, widths[j])
for _ in range(m):
    a, b, c = map(int, input().split())
    add(2 * a - 1, 2 * b - 2, c)
flow = 0
while True:
    came = {0: 0}
    stack = [0]
    while stack and 2 * n - 1 not in came:
        u = stack.pop()
        for v, c in cap[u].items():
            if c > 0 and v not in came:
                came[v] = u
                stack.append(v)
    if 2 * n - 1 not in came:
        break
    v = 2 * n - 1
    while v:
        u = came[v]
        cap[u][v] -= 1
        cap[v][u] += 1
        v = u
    flow += 1
print(flow)
