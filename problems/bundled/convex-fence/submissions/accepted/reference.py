import sys
from math import dist, pi


def half_hull(points):
    hull = []
    for x, y in points:
        while len(hull) > 1:
            (ax, ay), (bx, by) = hull[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            hull.pop()
        hull.append((x, y))
    return hull


def main():
    _, r, *numbers = map(int, sys.stdin.read().split())
    points = sorted(set(zip(numbers[::2], numbers[1::2])))
    hull = half_hull(points)[:-1] + half_hull(points[::-1])[:-1]
    # Straight parts run along the hull's edges, r away; the arcs at its corners make one full circle.
    around = sum(dist(hull[i - 1], hull[i]) for i in range(len(hull)))
    print(around + 2 * pi * r)


main()
