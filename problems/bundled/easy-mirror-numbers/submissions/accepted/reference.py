n = int(input())
nums = [int(input()) for _ in range(n)]
nums = [x for x in nums if str(x) == str(x)[::-1]]
print(sum(nums))
