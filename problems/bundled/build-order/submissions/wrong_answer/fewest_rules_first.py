# Sorts the steps by the number of rules that hold them back.
n, m = map(int, input().split())
count = [0] * (n + 1)
after = [0] * (n + 1)
for _ in range(m):
    a, b = map(int, input().split())
    count[b] += 1
    after[a] += 1
if m and min(count[1:]) > 0:
    print("IMPOSSIBLE")
else:
    print(*sorted(range(1, n + 1), key=lambda s: (count[s], -after[s])))
