# Walks through all the minutes.
n, a, b, c = map(int, input().split())
heard = 0
minute = 1
while minute <= n:
    if minute % a == 0 or minute % b == 0 or minute % c == 0:
        heard += 1
    minute += 1
print(heard)
