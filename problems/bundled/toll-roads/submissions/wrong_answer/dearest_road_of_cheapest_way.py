# Finds the cheapest way without the voucher and then saves its dearest road.
import heapq

n, m = map(int, input().split())
adj = [[] for _ in range(n + 1)]
for _ in range(m):
    a, b, c = map(int, input().split())
    adj[a].append((b, c))
    adj[b].append((a, c))
best = {1: 0}
heap = [(0, 0, 1)]
done = set()
answer = -1
while heap:
    cost, saved, town = heapq.heappop(heap)
    if town in done:
        continue
    done.add(town)
    if town == n:
        answer = cost + saved
        break
    for nxt, c in adj[town]:
        if nxt not in done:
            heapq.heappush(heap, (cost + c, min(saved, -c), nxt))
print(answer)
