# Never asks whether the offers suffice.
n, m = map(int, input().split())
offers = sorted((tuple(map(int, input().split())) for _ in range(m)), key=lambda o: o[2])
parent = list(range(n + 1))


def find(x):
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


cost = 0
for a, b, c in offers:
    a, b = find(a), find(b)
    if a != b:
        parent[a] = b
        cost += c
print(cost)
