# Looks only at the time between two comets, not at the ends of the range.
l, r = map(int, input().split())
sieve = bytearray([1]) * (r + 1)
sieve[0:2] = b"\0\0"[: r + 1]
i = 2
while i * i <= r:
    if sieve[i]:
        sieve[i * i :: i] = bytes(len(range(i * i, r + 1, i)))
    i += 1
comets = [year for year in range(l, r + 1) if sieve[year]]
if len(comets) < 2:
    print(r - l + 1 - len(comets))
else:
    print(max(b - a - 1 for a, b in zip(comets, comets[1:])))
