# Lets a stretch be empty, so that its sum is never below 0.
n, q = map(int, input().split())
a = list(map(int, input().split()))
size = 1
while size < n:
    size *= 2
t = [(0, 0, 0, 0)] * (2 * size)


def join(x, y):
    return (x[0] + y[0], max(x[1], x[0] + y[1]), max(y[2], y[0] + x[2]), max(x[3], y[3], x[2] + y[1]))


def leaf(g):
    return (g, max(g, 0), max(g, 0), max(g, 0))


for i in range(n):
    t[size + i] = leaf(a[i])
for i in range(size - 1, 0, -1):
    t[i] = join(t[2 * i], t[2 * i + 1])
for _ in range(q):
    d, g = map(int, input().split())
    i = size + d - 1
    t[i] = leaf(g)
    while i > 1:
        i //= 2
        t[i] = join(t[2 * i], t[2 * i + 1])
    print(t[1][3])
