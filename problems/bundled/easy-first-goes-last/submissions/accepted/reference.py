n = int(input())
nums = [int(input()) for _ in range(n)]
nums = nums[1:] + nums[:1]
for x in nums:
    print(x)
