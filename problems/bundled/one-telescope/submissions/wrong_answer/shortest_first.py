# Serves the shortest wishes first, wherever they still fit.
import bisect

n = int(input())
wishes = [tuple(map(int, input().split())) for _ in range(n)]
wishes.sort(key=lambda w: w[1] - w[0])
taken = []
for s, e in wishes:
    i = bisect.bisect_left(taken, (s, e))
    if (i == 0 or taken[i - 1][1] <= s) and (i == len(taken) or e <= taken[i][0]):
        taken.insert(i, (s, e))
print(len(taken))
