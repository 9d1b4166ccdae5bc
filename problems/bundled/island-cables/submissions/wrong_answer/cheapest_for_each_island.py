# Gives each island its cheapest offer, which need not connect the groups that arise.
n, m = map(int, input().split())
offers = sorted((tuple(map(int, input().split())) for _ in range(m)), key=lambda o: o[2])
bought = set()
reached = set()
for i, (a, b, c) in enumerate(offers):
    if a not in reached or b not in reached:
        bought.add(i)
        reached |= {a, b}
print(sum(offers[i][2] for i in bought) if len(reached) == n or n == 1 else -1)
