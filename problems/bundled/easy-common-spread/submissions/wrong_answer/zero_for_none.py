n = int(input())
c = set(input().split()) & set(input().split())
c = list(map(int, c))
print(max(c) - min(c) if c else 0)
