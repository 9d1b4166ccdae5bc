n = int(input())
t = 0
for x in map(int, input().split()):
    t ^= x
print(t)
