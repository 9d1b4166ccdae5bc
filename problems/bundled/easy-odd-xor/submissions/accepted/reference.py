n = int(input())
nums = list(map(int, input().split()))
t = 0
for x in nums:
    if x % 2 == 1:
        t ^= x
print(t)
