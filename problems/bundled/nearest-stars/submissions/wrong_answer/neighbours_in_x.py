# Sorts by x and compares each star with the next three only.
n = int(input())
stars = sorted(tuple(map(int, input().split())) for _ in range(n))
best = None
for i in range(n):
    for j in range(i + 1, min(n, i + 4)):
        d = (stars[i][0] - stars[j][0]) ** 2 + (stars[i][1] - stars[j][1]) ** 2
        if best is None or d < best:
            best = d
print(best**0.5)
