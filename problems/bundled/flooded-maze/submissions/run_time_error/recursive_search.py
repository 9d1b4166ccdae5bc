# Explores by recursion, one level of calls for each stroke.
import sys

h, w, *rows = sys.stdin.read().split()
h, w = int(h), int(w)
best = {}


def visit(i, j, strokes):
    if not (0 <= i < h and 0 <= j < w) or rows[i][j] == "#" or best.get((i, j), 10**9) <= strokes:
        return
    best[i, j] = strokes
    for a, b in ((i + 1, j), (i, j + 1), (i - 1, j), (i, j - 1)):
        visit(a, b, strokes + 1)


for i in range(h):
    for j in range(w):
        if rows[i][j] == "S":
            visit(i, j, 0)
        if rows[i][j] == "E":
            goal = (i, j)
print(best.get(goal, -1))
