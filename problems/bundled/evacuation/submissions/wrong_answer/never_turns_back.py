# Fills one way after the other and never takes a decision back.
n, m = map(int, input().split())
hall = [0, *map(int, input().split())]
passages = [list(map(int, input().split())) for _ in range(m)]
out = [[] for _ in range(n + 1)]
for passage in passages:
    out[passage[0]].append(passage)
flow = 0
while True:
    way = {1: None} if hall[1] else {}
    stack = list(way)
    while stack and n not in way:
        u = stack.pop()
        for passage in out[u]:
            v = passage[1]
            if passage[2] and hall[v] and v not in way:
                way[v] = passage
                stack.append(v)
    if n not in way:
        break
    used, v = [], n
    while way[v]:
        used.append(way[v])
        v = way[v][0]
    amount = min([hall[1]] + [min(p[2], hall[p[1]]) for p in used])
    hall[1] -= amount
    for p in used:
        p[2] -= amount
        hall[p[1]] -= amount
    flow += amount
print(flow)
