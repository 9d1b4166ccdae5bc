# Gives each volunteer the first shift that is still free.
n, m, k = map(int, input().split())
suits = [[] for _ in range(n + 1)]
for _ in range(k):
    v, s = map(int, input().split())
    suits[v].append(s)
taken = {}
for v in range(1, n + 1):
    for s in suits[v]:
        if s not in taken:
            taken[s] = v
            break
print(len(taken))
for s, v in taken.items():
    print(v, s)
