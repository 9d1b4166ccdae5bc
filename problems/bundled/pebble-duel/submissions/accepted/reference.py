def main():
    input()
    takes = sorted(map(int, input().split()))
    piles = list(map(int, input().split()))
    values = []  # the Grundy value of each size of a pile
    for size in range(max(piles) + 1):
        reachable = {values[size - take] for take in takes if take <= size}
        values.append(next(value for value in range(len(takes) + 1) if value not in reachable))
    total = 0
    for size in piles:
        total ^= values[size]
    if total == 0:
        print("SECOND")
        return
    print("FIRST")
    for number, size in enumerate(piles, start=1):
        for take in takes:
            if take <= size and values[size - take] == values[size] ^ total:
                print(number, take)
                return


main()
