n = int(input())
prices = list(map(int, input().split()))
print(sum(prices[i] - 5 for i in range(n + 1)))
