# Applies each correction to the first ledger, not to the corrected one.
n, q = map(int, input().split())
gains = list(map(int, input().split()))


def best_stretch(a):
    best = here = a[0]
    for g in a[1:]:
        here = max(g, here + g)
        best = max(best, here)
    return best


for _ in range(q):
    d, g = map(int, input().split())
    old, gains[d - 1] = gains[d - 1], g
    print(best_stretch(gains))
    if g < old:
        gains[d - 1] = old
