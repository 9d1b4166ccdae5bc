best = 0
for x in map(int, input().split()):
    best = min(best, 2 * x)
print(best)
