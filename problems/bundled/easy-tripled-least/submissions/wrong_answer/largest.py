n = int(input())
print(max(3 * x for x in map(int, input().split())))
