n = int(input())
print(*sorted(str(4 * int(t)) for t in input().split()))
