n = int(input())
prices = list(map(int, input().split()))
prices = [2 * x for x in prices]
print(max(prices) - min(prices))
