n, q = map(int, input().split())
h = list(map(int, input().split()))
for _ in range(q):
    l, r = map(int, input().split())
    print(max(h[l:r + 1], default=0))
