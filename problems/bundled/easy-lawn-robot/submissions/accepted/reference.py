s = input().strip()
x = y = 0
for c in s:
    if c == "U":
        y += 1
    elif c == "D":
        y -= 1
    elif c == "L":
        x -= 1
    else:
        x += 1
print(x, y)
