n, k = map(int, input().split())
nums = list(map(int, input().split()))
nums = [x % k for x in nums]
print(sum(nums) // len(nums))
