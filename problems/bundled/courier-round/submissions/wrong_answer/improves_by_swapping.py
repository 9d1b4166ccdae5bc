# Starts with the places in their order and swaps two customers as long as that helps.
n = int(input())
t = [list(map(int, input().split())) for _ in range(n)]


def length(tour):
    return sum(t[a][b] for a, b in zip(tour, tour[1:] + tour[:1]))


tour = list(range(n))
best = length(tour)
improved = True
while improved:
    improved = False
    for i in range(1, n):
        for j in range(i + 1, n):
            tour[i], tour[j] = tour[j], tour[i]
            new = length(tour)
            if new < best:
                best, improved = new, True
            else:
                tour[i], tour[j] = tour[j], tour[i]
print(best)
