def totient(m):
    result, factor = m, 2
    while factor * factor <= m:
        if m % factor == 0:
            result -= result // factor
            while m % factor == 0:
                m //= factor
        factor += 1
    return result - result // m if m > 1 else result


def reduce(value, m):
    """The value itself if it is below m, else the number from m to 2m - 1 with the same remainder.

    By Euler's theorem an exponent may be replaced so with m the totient of the modulus, whether or not
    base and modulus share a factor.
    """
    return value if value < m else value % m + m


def power(base, exponent, m):
    result, base = 1, reduce(base, m)
    while exponent:
        if exponent & 1:
            result = reduce(result * base, m)
        exponent >>= 1
        if exponent:
            base = reduce(base * base, m)
    return result


def main():
    _, m = map(int, input().split())
    moduli = [m]
    floors = list(map(int, input().split()))
    while len(moduli) < len(floors) and moduli[-1] > 1:
        moduli.append(totient(moduli[-1]))
    # Above the floor where the modulus is 1, a tower matters only as being at least 1.
    value = reduce(floors[len(moduli) - 1], moduli[-1])
    for floor, modulus in reversed(list(zip(floors, moduli[:-1]))):
        value = power(floor, value, modulus)
    print(value % m)


main()
