n = int(input())
print(max((int(x) for x in input().split() if x == x[::-1]), default=-1))
