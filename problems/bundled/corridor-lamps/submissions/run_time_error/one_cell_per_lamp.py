# @EXPECTED_RESULTS@: MLE
# A difference array with one entry for each lamp: 800 MB for the longest corridor.
n, q = map(int, input().split())
flips = [0] * (n + 2)
for _ in range(q):
    first, last = map(int, input().split())
    flips[first] += 1
    flips[last + 1] -= 1
on = state = 0
for lamp in range(1, n + 1):
    state += flips[lamp]
    on += state % 2
print(on)
