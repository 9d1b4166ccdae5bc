# The two largest need not be neighbours.
n = int(input())
nums = sorted(map(int, input().split()))
print(nums[-1] + nums[-2])
