a, b = map(int, input().split())
print(sum(x for x in range(a, b + 1) if all(x % d for d in range(2, x))))
