# Looks through each window anew.
n, k = map(int, input().split())
h = list(map(int, input().split()))
total = 0
for i in range(n - k + 1):
    high = low = h[i]
    for j in range(i, i + k):
        if h[j] > high:
            high = h[j]
        if h[j] < low:
            low = h[j]
    total += high - low
print(total)
