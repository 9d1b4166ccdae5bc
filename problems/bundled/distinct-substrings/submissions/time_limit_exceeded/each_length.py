# Collects the words of one length after the other, which needs little memory but much time.
strip = input().strip()
n = len(strip)
total = 0
for length in range(1, n + 1):
    words = set()
    for start in range(n - length + 1):
        words.add(hash(strip[start : start + length]))
    total += len(words)
print(total)
