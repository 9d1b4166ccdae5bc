# Starts at 0 and forgets that nothing may be left.
n = int(input())
best = 0
for x in map(int, input().split()):
    if x % 2 == 0 and x > best:
        best = x
print(best)
