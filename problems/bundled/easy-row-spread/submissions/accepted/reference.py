n, m = map(int, input().split())
results = []
for _ in range(n):
    row = list(map(int, input().split()))
    results.append(sum(row))
print(max(results) - min(results))
