# Treats the zeros in front of shorter numbers like digits.
from functools import cache

a, b, k = map(int, input().split())


def count(bound):
    digits = str(bound)

    @cache
    def go(i, last, rest, tight):
        if i == len(digits):
            return int(rest == 0)
        total = 0
        for d in range(int(digits[i]) + 1 if tight else 10):
            if last is None or abs(d - last) >= 2:
                total += go(i + 1, d, (rest + d) % k, tight and d == int(digits[i]))
        return total

    return go(0, None, 0, True)


print(count(b) - count(a - 1))
