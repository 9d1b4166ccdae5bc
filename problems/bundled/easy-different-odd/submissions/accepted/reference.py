n = int(input())
nums = list(map(int, input().split()))
nums = [x for x in nums if x % 2 != 0]
print(len(set(nums)))
