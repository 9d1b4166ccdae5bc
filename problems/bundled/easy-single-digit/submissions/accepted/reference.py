nums = list(map(int, input().split()))
nums = [x for x in nums if x < 10]
print(max(nums) if nums else -1)
