n = int(input())
nums = list(map(int, input().split()))
nums = [x for x in nums if x % 2 == 1]
print(sum(nums) // len(nums) if nums else 0)
