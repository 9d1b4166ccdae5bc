# Counts the stops between the two.
for _ in range(int(input())):
    a, b = map(int, input().split())
    print(max(0, abs(a - b) - 1))
