# Keeps the running extremes and renews them only when the very value that leaves equals them - but then
# takes the newest measurement instead of searching the window.
n, k = map(int, input().split())
h = list(map(int, input().split()))
high, low = max(h[:k]), min(h[:k])
total = high - low
for i in range(k, n):
    gone, new = h[i - k], h[i]
    high = new if gone == high or new > high else high
    low = new if gone == low or new < low else low
    total += high - low
print(total)
