# Tries all splits by recursion and forgets what it has found.
n = int(input())
w = list(map(int, input().split()))


def cheapest(i, j):
    if i == j:
        return 0
    return sum(w[i : j + 1]) + min(cheapest(i, k) + cheapest(k + 1, j) for k in range(i, j))


print(cheapest(0, n - 1))
