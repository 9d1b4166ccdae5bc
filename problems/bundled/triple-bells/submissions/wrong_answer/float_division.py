# Divides in floating point, which is too coarse for numbers near 10^18.
from math import gcd

n, a, b, c = map(int, input().split())


def lcm(x, y):
    return x * y / gcd(int(x), int(y))


ab, ac, bc = lcm(a, b), lcm(a, c), lcm(b, c)
abc = lcm(int(ab), c)
print(int(n / a) + int(n / b) + int(n / c) - int(n / ab) - int(n / ac) - int(n / bc) + int(n / abc))
