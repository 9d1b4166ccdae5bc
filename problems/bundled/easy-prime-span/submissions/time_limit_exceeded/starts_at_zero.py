# The divisor 1 divides everything: the loop that looks for the next prime never ends.
a, b = map(int, input().split())
total, x = 0, a
while x <= b:
    if x > 1 and all(x % d for d in range(1, x)):
        total += x
        x += 1
print(total)
