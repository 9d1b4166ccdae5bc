# Keeps the visited squares in a list and searches it for each neighbour.
h, w = map(int, input().split())
grid = [input().strip() for _ in range(h)]
visited = []
lakes = largest = 0
for i in range(h):
    for j in range(w):
        if grid[i][j] == "~" and (i, j) not in visited:
            lakes += 1
            start = len(visited)
            visited.append((i, j))
            at = start
            while at < len(visited):
                a, b = visited[at]
                at += 1
                for x, y in ((a - 1, b), (a + 1, b), (a, b - 1), (a, b + 1)):
                    if 0 <= x < h and 0 <= y < w and grid[x][y] == "~" and (x, y) not in visited:
                        visited.append((x, y))
            largest = max(largest, len(visited) - start)
print(lakes, largest)
