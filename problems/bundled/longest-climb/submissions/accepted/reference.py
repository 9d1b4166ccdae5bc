from bisect import bisect_left


def main():
    n = int(input())
    heights = list(map(int, input().split()))
    lowest = []  # lowest[k]: the smallest height at which a climb of k + 1 stations can end
    ending = []  # the station where it does
    before = [0] * n  # for each station the one before it on a longest climb that ends there
    for station, height in enumerate(heights):
        length = bisect_left(lowest, height)
        if length == len(lowest):
            lowest.append(height)
            ending.append(station)
        else:
            lowest[length] = height
            ending[length] = station
        before[station] = ending[length - 1] if length else -1
    climb = [ending[-1]]
    while before[climb[-1]] >= 0:
        climb.append(before[climb[-1]])
    print(len(climb))
    print(*(station + 1 for station in reversed(climb)))


main()
