n, k = map(int, input().split())
heights = list(map(int, input().split()))
print(sum(1 for x in heights if x >= k))
