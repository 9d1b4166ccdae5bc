n, q = map(int, input().split())
nums = list(map(int, input().split()))
for _ in range(q):
    l, r = map(int, input().split())
    print(sum(1 for x in nums[l - 1:r] if x % 2 == 0))
