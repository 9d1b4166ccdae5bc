# Merges the cycles two by two and never asks whether they agree.
from math import gcd

n = int(input())
day, period = 0, 1
for _ in range(n):
    m, r = map(int, input().split())
    g = gcd(period, m)
    step = (r - day) // g * pow(period // g, -1, m // g) % (m // g)
    day += period * step
    period = period // g * m
print(day)
