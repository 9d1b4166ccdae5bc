n = int(input())
nums = [int(input()) for _ in range(n)]
second = nums[1]
print(second, *nums[2:], nums[0], sep="\n")
