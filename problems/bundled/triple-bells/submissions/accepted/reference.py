from math import lcm

n, a, b, c = map(int, input().split())
single = n // a + n // b + n // c
double = n // lcm(a, b) + n // lcm(a, c) + n // lcm(b, c)
print(single - double + n // lcm(a, b, c))
