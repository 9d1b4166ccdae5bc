n = int(input())
print(sum(x % 2 for x in map(int, input().split())))
