n = int(input())
print(*sorted({4 * int(t) for t in input().split()}))
