# Tries the lengths one by one, from the longest down.
n, k = map(int, input().split())
a = list(map(int, input().split()))
length = max(a)
while length > 0 and sum(x // length for x in a) < k:
    length -= 1
print(length)
