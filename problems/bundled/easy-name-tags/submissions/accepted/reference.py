n, k = map(int, input().split())
words = [input().strip() for _ in range(n)]
words = [w[:k] for w in words]
for w in words:
    print(w)
