n = int(input())
nums = list(map(int, input().split()))
nums = [nums[i] + nums[i - 1] for i in range(1, len(nums))]
print(max(nums))
