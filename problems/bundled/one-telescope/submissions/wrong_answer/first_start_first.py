# Serves whoever starts first.
n = int(input())
wishes = sorted(tuple(map(int, input().split())) for _ in range(n))
free = served = 0
for s, e in wishes:
    if s >= free:
        served += 1
        free = e
print(served)
