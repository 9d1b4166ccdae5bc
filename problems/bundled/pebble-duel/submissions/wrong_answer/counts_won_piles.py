# Finds out which single piles the mover wins, and believes that an odd number of them is needed.
n, k = map(int, input().split())
takes = list(map(int, input().split()))
piles = list(map(int, input().split()))
wins = [False] * (max(piles) + 1)
for p in range(len(wins)):
    wins[p] = any(t <= p and not wins[p - t] for t in takes)
if sum(wins[p] for p in piles) % 2 == 0:
    print("SECOND")
else:
    print("FIRST")
    for i, p in enumerate(piles, 1):
        good = [t for t in takes if t <= p and wins[p] and not wins[p - t]]
        if good:
            print(i, good[0])
            break
