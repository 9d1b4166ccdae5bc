import sys


def main():
    numbers = list(map(int, sys.stdin.read().split()))
    # A walk flips the state at l and flips it back at r + 1; only these places matter.
    flips = sorted(numbers[2::2] + [last + 1 for last in numbers[3::2]])
    # After an odd number of flips the lamps up to the next flip are on.
    print(sum(end - start for start, end in zip(flips[::2], flips[1::2])))


main()
