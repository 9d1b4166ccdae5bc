import sys


def main():
    lines = sys.stdin.read().split()
    height, width = int(lines[0]), int(lines[1])
    # One rock column at the right edge stops every step over the left and right edges.
    maze = "".join(row + "#" for row in lines[2:]) + "#" * (width + 1)
    start, goal = maze.index("S"), maze.index("E")
    seen = bytearray(square == "#" for square in maze)
    seen[start] = 1
    frontier = [start]
    strokes = 0
    while frontier and not seen[goal]:
        strokes += 1
        reached = []
        for square in frontier:
            for near in (square + 1, square - 1, square + width + 1, square - width - 1):
                if not seen[near]:
                    seen[near] = 1
                    reached.append(near)
        frontier = reached
    print(strokes if seen[goal] else -1)


main()
