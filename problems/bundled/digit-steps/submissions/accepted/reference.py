def count_up_to(bound, k):
    """How many good numbers lie from 1 to bound."""
    digits = list(map(int, str(bound)))
    total = 0
    free = {}  # (last digit, sum modulo k) -> numbers already smaller than the prefix of bound
    tight = None  # the same pair for the prefix of bound itself, while that is steep
    for place, top in enumerate(digits):
        grown = {}

        def add(digit, digit_sum, count):
            key = digit, digit_sum % k
            grown[key] = grown.get(key, 0) + count

        for (last, digit_sum), count in free.items():
            for digit in range(10):
                if abs(digit - last) >= 2:
                    add(digit, digit_sum + digit, count)
        if place:
            for digit in range(1, 10):  # shorter numbers start here
                add(digit, digit, 1)
        if place == 0 or tight:
            last, digit_sum = tight or (99, 0)
            for digit in range(0 if place else 1, top):
                if abs(digit - last) >= 2:
                    add(digit, digit_sum + digit, 1)
            tight = (top, digit_sum + top) if abs(top - last) >= 2 else None
        free = grown
    total = sum(count for (_, digit_sum), count in free.items() if digit_sum == 0)
    return total + (1 if tight and tight[1] % k == 0 else 0)


a, b, k = map(int, input().split())
print(count_up_to(b, k) - (count_up_to(a - 1, k) if a > 1 else 0))
