# Always rides to the nearest customer who is left.
n = int(input())
t = [list(map(int, input().split())) for _ in range(n)]
here, total = 0, 0
left = set(range(1, n))
while left:
    nxt = min(left, key=lambda j: (t[here][j], j))
    total += t[here][nxt]
    left.remove(nxt)
    here = nxt
print(total + t[here][0])
