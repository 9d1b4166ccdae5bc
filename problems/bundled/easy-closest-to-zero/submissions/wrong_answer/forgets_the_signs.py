n = int(input())
print(*sorted(abs(int(x)) for x in input().split()))
