n = int(input())
nums = list(map(int, input().split()))
nums = [len(str(x)) for x in nums]
print(sum(nums))
