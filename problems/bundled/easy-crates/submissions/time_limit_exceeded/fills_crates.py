# Fills one crate after the other.
for _ in range(int(input())):
    a, b = map(int, input().split())
    crates = 0
    while a > 0:
        a -= b
        crates += 1
    print(crates)
