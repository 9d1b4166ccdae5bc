# Looks through all steps for the next one that can be done.
n, m = map(int, input().split())
needs = [set() for _ in range(n + 1)]
for _ in range(m):
    a, b = map(int, input().split())
    needs[b].add(a)
done = []
left = list(range(1, n + 1))
finished = set()
while left:
    for step in left:
        if all(need in finished for need in needs[step]):
            left.remove(step)
            finished.add(step)
            done.append(step)
            break
    else:
        break
print("IMPOSSIBLE" if left else " ".join(map(str, done)))
