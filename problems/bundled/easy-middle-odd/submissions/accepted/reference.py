n = int(input())
scores = list(map(int, input().split()))
scores = [x for x in scores if x % 2 == 1]
if scores:
    print(sorted(scores)[(len(scores) - 1) // 2])
else:
    print(-1)
