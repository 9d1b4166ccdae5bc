nums = [x for x in map(int, input().split()) if x >= 0]
print(nums[0] if nums else -1)
