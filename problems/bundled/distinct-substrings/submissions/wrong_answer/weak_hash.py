# Compares hashes instead of words, but there are too few different hashes.
MOD = 1000003
strip = input().strip()
n = len(strip)
hashes = set()
for start in range(n):
    h = 0
    for end in range(start, n):
        h = (h * 131 + ord(strip[end])) % MOD
        hashes.add((end - start, h))
print(len({h for _, h in hashes}))
