# Serves those with the fewest suitable shifts first, with the least wanted of their shifts.
n, m, k = map(int, input().split())
suits = [[] for _ in range(n + 1)]
wanted = [0] * (m + 1)
for _ in range(k):
    v, s = map(int, input().split())
    suits[v].append(s)
    wanted[s] += 1
taken = {}
for v in sorted(range(1, n + 1), key=lambda v: len(suits[v])):
    free = [s for s in suits[v] if s not in taken]
    if free:
        taken[min(free, key=lambda s: wanted[s])] = v
print(len(taken))
for s, v in taken.items():
    print(v, s)
