import sys


def main():
    height, width, *rows = sys.stdin.read().split()
    width = int(width)
    # A column and a row of land on the right and below stop every step over an edge.
    line = width + 1
    water = bytearray(square == "~" for row in rows for square in row + ".") + bytes(line)
    sizes = []
    for first in range(len(water)):
        if not water[first]:
            continue
        water[first] = 0
        lake = [first]
        for square in lake:  # grows while it is read
            for near in (square - line, square - 1, square + 1, square + line):
                if water[near]:
                    water[near] = 0
                    lake.append(near)
        sizes.append(len(lake))
    print(len(sizes), max(sizes, default=0))


main()
