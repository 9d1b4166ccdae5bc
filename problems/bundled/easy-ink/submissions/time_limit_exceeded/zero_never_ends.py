# Divides by ten until one digit is left; never leaves the loop for 0.
n = int(input())
drops = 0
for x in map(int, input().split()):
    while not 1 <= x <= 9:
        x //= 10
        drops += 1
    drops += 1
print(drops)
