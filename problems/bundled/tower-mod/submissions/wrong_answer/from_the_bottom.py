# Evaluates the tower from the bottom up: (a^b)^c.
n, m = map(int, input().split())
value, *floors = map(int, input().split())
value %= m
for floor in floors:
    value = pow(value, floor, m)
print(value)
