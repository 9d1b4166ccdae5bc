n = int(input())
prices = list(map(int, input().split()))
print(2 * max(prices) - min(prices))
