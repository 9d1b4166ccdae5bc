# Lets the clock run second by second.
import sys

data = list(map(int, sys.stdin.read().split()))
n, k = data[0], data[1]
queue = [(data[2 + 2 * i], data[3 + 2 * i]) for i in range(n)]
busy = []
now = served = wait = 0
while served < n or busy:
    busy = [end for end in busy if end > now]
    while served < n and len(busy) < k and queue[served][0] <= now:
        wait = max(wait, now - queue[served][0])
        busy.append(now + queue[served][1])
        served += 1
    now += 1
print(now - 1, wait)
