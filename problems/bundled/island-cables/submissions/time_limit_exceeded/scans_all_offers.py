# Grows the net from island 1 and looks at all offers for each island that joins.
n, m = map(int, input().split())
offers = [tuple(map(int, input().split())) for _ in range(m)]
joined = {1}
cost = 0
while len(joined) < n:
    best = None
    for a, b, c in offers:
        if (a in joined) != (b in joined) and (best is None or c < best[0]):
            best = (c, a, b)
    if best is None:
        break
    cost += best[0]
    joined |= {best[1], best[2]}
print(cost if len(joined) == n else -1)
