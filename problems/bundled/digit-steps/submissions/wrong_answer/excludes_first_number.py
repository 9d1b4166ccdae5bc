# Subtracts the numbers up to a instead of those up to a - 1.
from functools import cache

a, b, k = map(int, input().split())


def count(bound):
    digits = str(bound)

    @cache
    def go(i, last, rest, tight, started):
        if i == len(digits):
            return int(started and rest == 0)
        total = 0
        for d in range(int(digits[i]) + 1 if tight else 10):
            if started and abs(d - last) < 2:
                continue
            now = started or d > 0
            total += go(i + 1, d if now else -9, (rest + d) % k, tight and d == int(digits[i]), now)
        return total

    return go(0, -9, 0, True, False)


print(count(b) - count(a))
