# Goes through the whole ledger after each correction.
n, q = map(int, input().split())
gains = list(map(int, input().split()))
for _ in range(q):
    d, g = map(int, input().split())
    gains[d - 1] = g
    best = here = gains[0]
    for g in gains[1:]:
        here = g if here < 0 else here + g
        if here > best:
            best = here
    print(best)
