# Kuhn's algorithm by recursion; a path over many volunteers is too deep.
n, m, k = map(int, input().split())
suits = [[] for _ in range(n + 1)]
for _ in range(k):
    v, s = map(int, input().split())
    suits[v].append(s)
owner = [0] * (m + 1)


def place(v, seen):
    for s in suits[v]:
        if s not in seen:
            seen.add(s)
            if owner[s] == 0 or place(owner[s], seen):
                owner[s] = v
                return True
    return False


count = sum(place(v, set()) for v in range(1, n + 1))
print(count)
for s in range(1, m + 1):
    if owner[s]:
        print(owner[s], s)
