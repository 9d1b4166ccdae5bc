n = int(input())
nums = list(map(int, input().split()))
nums = [x for x in nums if x % 2 == 0]
if nums:
    print(max(nums))
else:
    print(-1)
