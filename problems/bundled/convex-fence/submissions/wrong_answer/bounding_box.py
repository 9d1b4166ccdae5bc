# Takes the smallest upright rectangle around the trees.
from math import pi

n, r = map(int, input().split())
trees = [tuple(map(int, input().split())) for _ in range(n)]
width = max(x for x, _ in trees) - min(x for x, _ in trees)
height = max(y for _, y in trees) - min(y for _, y in trees)
print(2 * (width + height) + 2 * pi * r)
