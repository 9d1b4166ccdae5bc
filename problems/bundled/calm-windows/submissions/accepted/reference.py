from collections import deque


def sum_of_maxima(values, k):
    candidates = deque()  # places in the window whose values fall strictly
    total = 0
    for place, value in enumerate(values):
        while candidates and values[candidates[-1]] <= value:
            candidates.pop()
        candidates.append(place)
        if candidates[0] <= place - k:
            candidates.popleft()
        if place >= k - 1:
            total += values[candidates[0]]
    return total


def main():
    _, k = map(int, input().split())
    heights = list(map(int, input().split()))
    print(sum_of_maxima(heights, k) + sum_of_maxima([-height for height in heights], k))


main()
