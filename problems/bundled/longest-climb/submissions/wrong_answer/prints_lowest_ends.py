# Prints the stations with the lowest ends of climbs, which need not form one climb.
from bisect import bisect_left

n = int(input())
tails, stations = [], []
for i, h in enumerate(map(int, input().split()), 1):
    k = bisect_left(tails, h)
    tails[k : k + 1] = [h]
    stations[k : k + 1] = [i]
print(len(stations))
print(*stations)
