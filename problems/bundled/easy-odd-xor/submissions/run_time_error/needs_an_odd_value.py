from functools import reduce

n = int(input())
print(reduce(lambda t, x: t ^ x, [x for x in map(int, input().split()) if x % 2]))
