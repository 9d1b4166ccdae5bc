# @EXPECTED_RESULTS@: MLE
# Keeps a list of stations for each station: half a gigabyte for a railway that only climbs.
from bisect import bisect_left

n = int(input())
h = list(map(int, input().split()))
tails = []
best_of_length = []
climb_to = []
for i, x in enumerate(h):
    k = bisect_left(tails, x)
    climb = (best_of_length[k - 1] if k else []) + [i + 1]
    climb_to.append(climb)
    if k == len(tails):
        tails.append(x)
        best_of_length.append(climb)
    else:
        tails[k] = x
        best_of_length[k] = climb
longest = max(climb_to, key=len)
print(len(longest))
print(*longest)
