a, b = map(int, input().split())
print(sum(x for x in range(a, b) if x > 1 and all(x % d for d in range(2, x))))
