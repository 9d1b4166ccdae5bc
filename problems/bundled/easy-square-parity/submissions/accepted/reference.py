n = int(input())
values = list(map(int, input().split()))
values = [x * x for x in values]
t = 0
for x in values:
    t ^= x
print(t)
