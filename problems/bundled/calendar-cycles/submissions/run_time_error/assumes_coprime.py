# The textbook formula; there is no inverse when two cycles share a factor.
n = int(input())
cycles = [tuple(map(int, input().split())) for _ in range(n)]
product = 1
for m, r in cycles:
    product *= m
day = 0
for m, r in cycles:
    rest = product // m
    day += r * rest * pow(rest, -1, m)
print(day % product)
