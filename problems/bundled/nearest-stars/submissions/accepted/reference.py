import sys
from bisect import bisect_left, insort
from math import isqrt, sqrt


def closest(stars):
    """The square of the smallest distance, by a sweep from left to right."""
    stars.sort()
    best = (stars[0][0] - stars[1][0]) ** 2 + (stars[0][1] - stars[1][1]) ** 2
    window = []  # (y, x) of the stars at most the best distance to the left, sorted
    oldest = 0
    for x, y in stars:
        reach = isqrt(best)
        while stars[oldest][0] < x - reach:
            old_x, old_y = stars[oldest]
            del window[bisect_left(window, (old_y, old_x))]
            oldest += 1
        # At most a few stars can lie here, because they are all at least the best distance apart.
        for other_y, other_x in window[bisect_left(window, (y - reach,)) : bisect_left(window, (y + reach + 1,))]:
            best = min(best, (x - other_x) ** 2 + (y - other_y) ** 2)
        if best == 0:
            break
        insort(window, (y, x))
    return best


def main():
    _, *numbers = map(int, sys.stdin.read().split())
    print(sqrt(closest(list(zip(numbers[::2], numbers[1::2])))))


main()
