# Adds 3 to the sum only.
n = int(input())
print(sum(map(int, input().split())) + 3)
