# There is no length before the numbers.
n = int(input())
print(min(2 * x for x in map(int, input().split())))
