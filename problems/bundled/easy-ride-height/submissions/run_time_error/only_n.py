# Expects n by itself on the first line.
n = int(input())
k = int(input())
print(sum(1 for x in map(int, input().split()) if x >= k))
