n = int(input())
print(*[4 * int(t) for t in input().split()])
