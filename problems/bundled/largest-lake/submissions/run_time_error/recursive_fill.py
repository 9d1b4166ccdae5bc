# Fills by recursion without raising the limit of the depth.
h, w = map(int, input().split())
grid = [list(input().strip()) for _ in range(h)]


def fill(i, j):
    if not (0 <= i < h and 0 <= j < w) or grid[i][j] != "~":
        return 0
    grid[i][j] = "."
    return 1 + fill(i + 1, j) + fill(i - 1, j) + fill(i, j + 1) + fill(i, j - 1)


sizes = [size for i in range(h) for j in range(w) if (size := fill(i, j))]
print(len(sizes), max(sizes, default=0))
