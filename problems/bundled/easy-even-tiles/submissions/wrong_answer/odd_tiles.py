n, q = map(int, input().split())
nums = list(map(int, input().split()))
for _ in range(q):
    l, r = map(int, input().split())
    print(sum(x % 2 for x in nums[l - 1:r]))
