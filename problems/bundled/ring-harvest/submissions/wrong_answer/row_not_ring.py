# Forgets that the last tree stands next to the first.
n = int(input())
take = skip = 0
for apples in map(int, input().split()):
    take, skip = skip + apples, max(take, skip)
print(max(take, skip))
