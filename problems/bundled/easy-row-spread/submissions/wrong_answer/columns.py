n, m = map(int, input().split())
rows = [list(map(int, input().split())) for _ in range(n)]
sums = [sum(column) for column in zip(*rows)]
print(max(sums) - min(sums))
