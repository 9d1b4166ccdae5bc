# Harvests every second tree, starting with the first or with the second one.
n = int(input())
a = list(map(int, input().split()))
if n == 1:
    print(a[0])
else:
    pairs = n // 2
    print(max(sum(a[0 : 2 * pairs : 2]), sum(a[1 : 2 * pairs : 2])))
