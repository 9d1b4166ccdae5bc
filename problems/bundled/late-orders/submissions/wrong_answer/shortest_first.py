# Bakes the short orders first.
n = int(input())
orders = sorted(tuple(map(int, input().split())) for _ in range(n))
now = done = 0
for t, d in orders:
    if now + t <= d:
        now += t
        done += 1
print(done)
