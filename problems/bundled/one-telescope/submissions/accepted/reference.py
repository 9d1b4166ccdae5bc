import sys


def main():
    _, *numbers = map(int, sys.stdin.read().split())
    served = 0
    free_from = 0
    # Among the wishes that can still be met, the one that ends first leaves the most time for others.
    for end, start in sorted(zip(numbers[1::2], numbers[::2])):
        if start >= free_from:
            served += 1
            free_from = end
    print(served)


main()
