n, k = map(int, input().split())
print(*sorted((x for x in map(int, input().split()) if x > k), reverse=True))
