# Steps from one day of the longest cycle to the next.
from math import lcm

n = int(input())
cycles = sorted((tuple(map(int, input().split())) for _ in range(n)), reverse=True)
m, r = cycles[0]
end = 1
for length, _ in cycles:
    end = lcm(end, length)
day = r
while day < end and any(day % length != named for length, named in cycles):
    day += m
print(day if day < end else -1)
