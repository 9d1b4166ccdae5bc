n = int(input())
nums = list(map(int, input().split()))
nums = [x + 3 for x in nums]
print(sum(nums))
