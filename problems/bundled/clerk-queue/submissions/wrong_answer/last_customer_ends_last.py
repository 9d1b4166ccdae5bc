# Reports the end of the last customer's service instead of the last end.
import heapq

n, k = map(int, input().split())
free = [0] * k
wait = 0
for i in range(n):
    a, d = map(int, input().split())
    start = max(a, heapq.heappop(free))
    heapq.heappush(free, start + d)
    end = start + d
    wait = max(wait, start - a)
print(end, wait)
