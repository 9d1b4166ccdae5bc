# Tests each year by trial division.
l, r = map(int, input().split())


def is_prime(n):
    if n < 2:
        return False
    d = 2
    while d * d <= n:
        if n % d == 0:
            return False
        d += 1
    return True


best = run = 0
for year in range(l, r + 1):
    run = 0 if is_prime(year) else run + 1
    best = max(best, run)
print(best)
