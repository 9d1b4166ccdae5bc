n = int(input())
nums = [int(input()) for _ in range(n)]
for x in nums[-1:] + nums[:-1]:
    print(x)
