# Counts positions from 0 and looks them up one by one.
n, q = map(int, input().split())
nums = list(map(int, input().split()))
for _ in range(q):
    l, r = map(int, input().split())
    print(sum(1 for i in range(l, r + 1) if nums[i] % 2 == 0))
