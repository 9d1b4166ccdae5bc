# Counts the strokes of the first way that a depth-first search finds.
import sys

h, w, *rows = sys.stdin.read().split()
h, w = int(h), int(w)
for i in range(h):
    for j in range(w):
        if rows[i][j] == "S":
            start = (i, j)
depth = {start: 0}
stack = [start]
answer = -1
while stack:
    i, j = stack.pop()
    if rows[i][j] == "E":
        answer = depth[i, j]
        break
    for a, b in ((i, j - 1), (i - 1, j), (i, j + 1), (i + 1, j)):
        if 0 <= a < h and 0 <= b < w and rows[a][b] != "#" and (a, b) not in depth:
            depth[a, b] = depth[i, j] + 1
            stack.append((a, b))
print(answer)
