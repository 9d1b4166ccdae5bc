# Sweeps over the whole maze again and again until no distance changes.
import sys

h, w, *rows = sys.stdin.read().split()
h, w = int(h), int(w)
far = 10**9
dist = [[far] * w for _ in range(h)]
for i in range(h):
    for j in range(w):
        if rows[i][j] == "S":
            dist[i][j] = 0
        if rows[i][j] == "E":
            goal = (i, j)
changed = True
while changed:
    changed = False
    for i in range(h):
        for j in range(w):
            if rows[i][j] == "#":
                continue
            for a, b in ((i + 1, j), (i, j + 1), (i - 1, j), (i, j - 1)):
                if 0 <= a < h and 0 <= b < w and dist[a][b] + 1 < dist[i][j]:
                    dist[i][j] = dist[a][b] + 1
                    changed = True
print(dist[goal[0]][goal[1]] if dist[goal[0]][goal[1]] < far else -1)
