# Right recurrence, but as deep a recursion as the amount has smallest coins.
from functools import cache

k, t = map(int, input().split())
coins = list(map(int, input().split()))


@cache
def fewest(amount):
    if amount == 0:
        return 0
    return min((fewest(amount - coin) + 1 for coin in coins if coin <= amount), default=10**9)


answer = fewest(t)
print(answer if answer < 10**9 else -1)
