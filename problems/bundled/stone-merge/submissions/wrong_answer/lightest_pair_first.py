# Always merges the two neighbours that are lightest together.
n = int(input())
w = list(map(int, input().split()))
total = 0
while len(w) > 1:
    i = min(range(len(w) - 1), key=lambda i: w[i] + w[i + 1])
    w[i : i + 2] = [w[i] + w[i + 1]]
    total += w[i]
print(total)
