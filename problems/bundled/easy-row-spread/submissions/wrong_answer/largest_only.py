n, m = map(int, input().split())
print(max(sum(map(int, input().split())) for _ in range(n)))
