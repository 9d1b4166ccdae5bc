n = int(input())
prices = list(map(int, input().split()))
prices = [x - 5 for x in prices]
print(sum(prices))
