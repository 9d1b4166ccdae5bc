# Cuts the day into blocks instead of sliding the window.
n, k = map(int, input().split())
h = list(map(int, input().split()))
print(sum(max(h[i : i + k]) - min(h[i : i + k]) for i in range(0, n, k)))
