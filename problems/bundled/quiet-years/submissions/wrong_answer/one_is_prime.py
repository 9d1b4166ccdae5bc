# Takes 1 for a prime.
l, r = map(int, input().split())
sieve = bytearray([1]) * (r + 1)
i = 2
while i * i <= r:
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, r + 1, i)))
    i += 1
best = run = 0
for year in range(l, r + 1):
    run = 0 if sieve[year] else run + 1
    best = max(best, run)
print(best)
