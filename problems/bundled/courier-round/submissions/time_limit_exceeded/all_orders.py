# Tries all orders of the customers.
from itertools import permutations

n = int(input())
t = [list(map(int, input().split())) for _ in range(n)]
best = 10**18
for order in permutations(range(1, n)):
    time = t[0][order[0]] + t[order[-1]][0]
    for a, b in zip(order, order[1:]):
        time += t[a][b]
    best = min(best, time)
print(best)
