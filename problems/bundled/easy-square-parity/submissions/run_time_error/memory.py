# @EXPECTED_RESULTS@: MLE
# Counts the squares in a table with a place for each number up to a hundred million.
n = int(input())
seen = [0] * 10**8
for x in map(int, input().split()):
    seen[x * x] += 1
t = 0
for square, times in enumerate(seen):
    if times % 2:
        t ^= square
print(t)
