n = int(input())
print([x for x in input().split() if x == x[::-1]][-1])
