def main():
    first, last = map(int, input().split())
    comet = bytearray([1]) * (last + 1)
    comet[:2] = bytes(min(2, last + 1))
    for year in range(2, int(last**0.5) + 1):
        if comet[year]:
            comet[year * year :: year] = bytes(len(range(year * year, last + 1, year)))
    quiet_times = comet[first:].split(b"\x01")
    print(max(map(len, quiet_times)))


main()
