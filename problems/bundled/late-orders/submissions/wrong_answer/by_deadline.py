# Takes the orders by deadline and refuses those that do not fit any more.
n = int(input())
orders = sorted((tuple(map(int, input().split())) for _ in range(n)), key=lambda o: o[1])
now = done = 0
for t, d in orders:
    if now + t <= d:
        now += t
        done += 1
print(done)
