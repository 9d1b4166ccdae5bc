n, k = map(int, input().split())
scores = list(map(int, input().split()))
scores = [x for x in scores if x >= k]
scores.sort(reverse=True)
print(*scores)
