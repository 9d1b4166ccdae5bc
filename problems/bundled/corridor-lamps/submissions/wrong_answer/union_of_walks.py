# Counts the lamps that some walk touched.
n, q = map(int, input().split())
walks = sorted(tuple(map(int, input().split())) for _ in range(q))
on = reach = 0
for first, last in walks:
    if last > reach:
        on += last - max(first - 1, reach)
        reach = last
print(on)
