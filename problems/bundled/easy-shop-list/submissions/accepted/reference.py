n = int(input())
rows = []
for _ in range(n):
    name, p = input().split()
    rows.append((name, int(p)))
for name, p in rows:
    if p < 20:
        print(name)
