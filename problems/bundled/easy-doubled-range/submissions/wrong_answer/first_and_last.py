# Takes the list to be sorted.
n = int(input())
prices = [2 * int(t) for t in input().split()]
print(prices[-1] - prices[0])
