# Flips back at r instead of r + 1.
n, q = map(int, input().split())
places = []
for _ in range(q):
    first, last = map(int, input().split())
    places += [first, last]
places.sort()
print(sum(b - a for a, b in zip(places[::2], places[1::2])))
