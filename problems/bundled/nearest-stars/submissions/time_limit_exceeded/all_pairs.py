# Measures all pairs.
n = int(input())
stars = [tuple(map(int, input().split())) for _ in range(n)]
best = float("inf")
for i in range(n):
    x, y = stars[i]
    for j in range(i):
        d = (stars[j][0] - x) ** 2 + (stars[j][1] - y) ** 2
        if d < best:
            best = d
print(best**0.5)
