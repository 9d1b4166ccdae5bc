# Knows only five digits of pi.
import sys

n, r, *rest = map(int, sys.stdin.read().split())
pts = sorted(set(zip(rest[::2], rest[1::2])))


def cross(o, a, b):
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


hull = []
for sequence in (pts, pts[::-1]):
    start = len(hull)
    for p in sequence:
        while len(hull) - start >= 2 and cross(hull[-2], hull[-1], p) <= 0:
            hull.pop()
        hull.append(p)
    hull.pop()
length = 0.0
for (x1, y1), (x2, y2) in zip(hull, hull[1:] + hull[:1]):
    length += ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5
print(length + 2 * 3.1416 * r)
