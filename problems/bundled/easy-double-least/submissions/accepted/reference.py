nums = list(map(int, input().split()))
nums = [2 * x for x in nums]
print(min(nums))
