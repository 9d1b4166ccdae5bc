n = int(input())
nums = list(map(int, input().split()))
print(sum(nums[i] for i in range(n) if str(nums[i]) == str(nums[i])[::-1]))
