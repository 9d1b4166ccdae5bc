# Drives from one stop to the next.
for _ in range(int(input())):
    a, b = sorted(map(int, input().split()))
    stops = 0
    while a < b:
        a += 1
        stops += 1
    print(stops)
