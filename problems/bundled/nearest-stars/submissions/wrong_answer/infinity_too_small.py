# Starts with a "largest" distance that the picture exceeds.
n = int(input())
stars = sorted(tuple(map(int, input().split())) for _ in range(n))
best = 1e9
for i in range(n):
    x, y = stars[i]
    j = i + 1
    while j < n and stars[j][0] - x < best:
        d = ((stars[j][0] - x) ** 2 + (stars[j][1] - y) ** 2) ** 0.5
        if d < best:
            best = d
        j += 1
print(best)
