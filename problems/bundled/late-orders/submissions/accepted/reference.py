import heapq
import sys


def main():
    _, *numbers = map(int, sys.stdin.read().split())
    accepted = []  # negative baking times: the longest order is on top
    busy_until = 0
    for deadline, time in sorted(zip(numbers[1::2], numbers[::2])):
        heapq.heappush(accepted, -time)
        busy_until += time
        if busy_until > deadline:
            # One order too many up to this deadline; giving up the longest gains most for later ones.
            busy_until += heapq.heappop(accepted)
    print(len(accepted))


main()
