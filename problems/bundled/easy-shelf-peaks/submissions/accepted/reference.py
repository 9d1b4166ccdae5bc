n, q = map(int, input().split())
heights = list(map(int, input().split()))
for _ in range(q):
    l, r = map(int, input().split())
    print(max(heights[l - 1:r]))
