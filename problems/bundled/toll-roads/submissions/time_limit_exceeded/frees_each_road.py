# Makes each road free in turn and searches for the cheapest way each time.
import heapq

n, m = map(int, input().split())
adj = [[] for _ in range(n + 1)]
for i in range(m):
    a, b, c = map(int, input().split())
    adj[a].append((b, c, i))
    adj[b].append((a, c, i))
best = -1
for free in range(m):
    dist = [-1] * (n + 1)
    heap = [(0, 1)]
    while heap:
        d, town = heapq.heappop(heap)
        if dist[town] >= 0:
            continue
        dist[town] = d
        for nxt, c, i in adj[town]:
            if dist[nxt] < 0:
                heapq.heappush(heap, (d if i == free else d + c, nxt))
    if dist[n] >= 0 and (best < 0 or dist[n] < best):
        best = dist[n]
print(best)
