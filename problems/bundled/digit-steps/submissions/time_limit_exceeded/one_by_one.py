# Looks at each number.
a, b, k = map(int, input().split())
count = 0
number = a
while number <= b:
    digits = list(map(int, str(number)))
    if sum(digits) % k == 0 and all(abs(x - y) >= 2 for x, y in zip(digits, digits[1:])):
        count += 1
    number += 1
print(count)
