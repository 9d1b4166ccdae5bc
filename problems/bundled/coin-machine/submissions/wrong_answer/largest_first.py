# Takes the largest coin that fits, always.
k, t = map(int, input().split())
coins = sorted(map(int, input().split()), reverse=True)
count = 0
for coin in coins:
    count += t // coin
    t %= coin
print(count if t == 0 else -1)
