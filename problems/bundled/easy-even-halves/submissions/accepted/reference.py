n = int(input())
nums = list(map(int, input().split()))
nums = [x // 2 for x in nums if x % 2 == 0]
nums = [x for x in nums if x > 5]
print(*nums)
