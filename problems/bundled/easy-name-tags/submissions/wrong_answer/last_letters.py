n, k = map(int, input().split())
for _ in range(n):
    print(input().strip()[-k:])
