n = int(input())
nums = list(map(int, input().split()))
nums.sort(key=lambda x: (abs(x), x))
print(*nums)
