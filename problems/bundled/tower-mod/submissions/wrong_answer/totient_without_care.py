# Reduces exponents modulo the totient even where base and modulus share a factor.
n, m = map(int, input().split())
floors = list(map(int, input().split()))


def phi(x):
    result, p = x, 2
    while p * p <= x:
        if x % p == 0:
            result -= result // p
            while x % p == 0:
                x //= p
        p += 1
    if x > 1:
        result -= result // x
    return result


def tower(i, mod):
    if mod == 1:
        return 0
    if i == n - 1:
        return floors[i] % mod
    return pow(floors[i], tower(i + 1, phi(mod)), mod)


print(tower(0, m))
