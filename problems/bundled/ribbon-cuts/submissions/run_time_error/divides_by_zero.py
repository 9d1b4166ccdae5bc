# Lets the search reach length 0, and divides by it.
n, k = map(int, input().split())
a = list(map(int, input().split()))
low, high = 1, max(a)
while True:
    middle = (low + high) // 2
    if sum(x // middle for x in a) >= k:
        if middle >= high or sum(x // (middle + 1) for x in a) < k:
            break
        low = middle + 1
    else:
        high = middle - 1
print(middle)
