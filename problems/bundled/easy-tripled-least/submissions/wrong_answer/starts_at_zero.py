# Misses the smallest of values that are all above zero.
n = int(input())
least = 0
for x in map(int, input().split()):
    least = min(least, 3 * x)
print(least)
