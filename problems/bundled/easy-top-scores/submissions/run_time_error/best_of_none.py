n, k = map(int, input().split())
scores = sorted((x for x in map(int, input().split()) if x >= k), reverse=True)
print(scores[0], *scores[1:])
