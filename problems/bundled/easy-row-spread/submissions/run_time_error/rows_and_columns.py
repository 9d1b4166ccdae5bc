# Swaps the numbers of rows and columns.
m, n = map(int, input().split())
sums = [sum(map(int, input().split())) for _ in range(n + 1)]
print(max(sums) - min(sums), input())
