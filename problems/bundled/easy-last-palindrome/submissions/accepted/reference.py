n = int(input())
nums = list(map(int, input().split()))
nums = [x for x in nums if str(x) == str(x)[::-1]]
print(nums[-1] if nums else -1)
