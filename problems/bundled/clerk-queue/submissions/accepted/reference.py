import heapq
import sys


def main():
    n, clerks, *numbers = map(int, sys.stdin.read().split())
    free_at = [0] * clerks
    closing = longest_wait = 0
    for arrival, service in zip(numbers[::2], numbers[1::2]):
        start = max(arrival, free_at[0])
        heapq.heapreplace(free_at, start + service)
        closing = max(closing, start + service)
        longest_wait = max(longest_wait, start - arrival)
    print(closing, longest_wait)


main()
