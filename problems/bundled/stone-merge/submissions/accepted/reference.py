def main():
    n = int(input())
    heaps = list(map(int, input().split()))
    # cheapest[i][k] is for the k + 1 heaps from i on, ending[j][-k - 1] for the k + 1 heaps up to j: the same
    # numbers, laid out so that the two halves of every split are two slices to be added.
    cheapest = [[0] for _ in range(n)]
    ending = [[0] for _ in range(n)]
    for count in range(2, n + 1):
        for first in range(n - count + 1):
            last = first + count - 1
            strength = sum(heaps[first : last + 1]) + min(map(int.__add__, cheapest[first], ending[last]))
            cheapest[first].append(strength)
            ending[last].insert(0, strength)
    print(cheapest[0][-1])


main()
