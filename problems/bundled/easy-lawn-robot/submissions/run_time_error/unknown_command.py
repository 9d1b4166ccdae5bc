moves = {"U": (0, 1), "D": (0, -1), "R": (1, 0)}
x = y = 0
for c in input().strip():
    x, y = x + moves[c][0], y + moves[c][1]
print(x, y)
