a, b = map(int, input().split())
nums = list(range(a, b + 1))
nums = [x for x in nums if x > 1 and all(x % d != 0 for d in range(2, int(x ** 0.5) + 1))]
print(sum(nums))
