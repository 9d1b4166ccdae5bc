nums = list(map(int, input().split()))
nums = [x for x in nums if x > 0]
if not nums:
    print(-1)
else:
    print(nums[0])
