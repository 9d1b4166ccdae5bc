n = int(input())
nums = list(map(int, input().split()))
nums = [x * 4 for x in nums]
nums.sort()
print(*nums)
