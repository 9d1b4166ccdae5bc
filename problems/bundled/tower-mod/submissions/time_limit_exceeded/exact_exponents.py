# Computes the exponent exactly.
n, m = map(int, input().split())
floors = list(map(int, input().split()))
exponent = 1
for floor in reversed(floors[1:]):
    exponent = floor**exponent
print(pow(floors[0], exponent, m))
