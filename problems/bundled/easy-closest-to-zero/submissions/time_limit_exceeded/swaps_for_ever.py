# Also swaps equal neighbours, so that it never ends.
n = int(input())
a = list(map(int, input().split()))
changed = True
while changed:
    changed = False
    for i in range(1, n):
        if (abs(a[i - 1]), a[i - 1]) >= (abs(a[i]), a[i]):
            a[i - 1], a[i] = a[i], a[i - 1]
            changed = True
print(*a)
