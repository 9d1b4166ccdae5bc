n = int(input())
print(max((x for x in map(int, input().split()) if x >= 10), default=-1))
