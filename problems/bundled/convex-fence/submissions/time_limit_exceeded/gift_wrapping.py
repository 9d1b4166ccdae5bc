# Walks from corner to corner and looks at all trees for each: quadratic when most trees are corners.
from math import hypot, pi

n, r = map(int, input().split())
trees = sorted({tuple(map(int, input().split())) for _ in range(n)})
length = 0.0
start = here = trees[0]
while len(trees) > 1:
    nxt = trees[0] if trees[0] != here else trees[1]
    for x, y in trees:
        turn = (nxt[0] - here[0]) * (y - here[1]) - (nxt[1] - here[1]) * (x - here[0])
        far = (x - here[0]) ** 2 + (y - here[1]) ** 2
        if turn < 0 or (turn == 0 and far > (nxt[0] - here[0]) ** 2 + (nxt[1] - here[1]) ** 2):
            nxt = (x, y)
    length += hypot(nxt[0] - here[0], nxt[1] - here[1])
    here = nxt
    if here == start:
        break
print(length + 2 * pi * r)
