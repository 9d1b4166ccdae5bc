# Joins squares that touch at a corner, too.
h, w = map(int, input().split())
grid = [list(input().strip()) for _ in range(h)]
lakes = largest = 0
for i in range(h):
    for j in range(w):
        if grid[i][j] != "~":
            continue
        lakes += 1
        grid[i][j] = "."
        stack, size = [(i, j)], 0
        while stack:
            a, b = stack.pop()
            size += 1
            for x in (a - 1, a, a + 1):
                for y in (b - 1, b, b + 1):
                    if 0 <= x < h and 0 <= y < w and grid[x][y] == "~":
                        grid[x][y] = "."
                        stack.append((x, y))
        largest = max(largest, size)
print(lakes, largest)
