n = int(input())
nums = list(map(int, input().split()))
for i in range(n):
    if nums[i] % 2:
        nums.pop(i)
print(*(x // 2 for x in nums if x > 11))
