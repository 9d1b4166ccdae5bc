# Plays nim with the sizes of the piles.
n, k = map(int, input().split())
takes = list(map(int, input().split()))
piles = list(map(int, input().split()))
total = 0
for p in piles:
    total ^= p
moves = [(i + 1, t) for i, p in enumerate(piles) for t in takes if t <= p]
good = [(i, t) for i, t in moves if total ^ piles[i - 1] ^ (piles[i - 1] - t) == 0]
if total and moves:
    print("FIRST")
    print(*(good or moves)[0])
else:
    print("SECOND")
