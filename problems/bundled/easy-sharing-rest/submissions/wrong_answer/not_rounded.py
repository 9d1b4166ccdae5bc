n, k = map(int, input().split())
print(sum(x % k for x in map(int, input().split())) / n)
