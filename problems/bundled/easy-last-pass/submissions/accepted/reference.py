n = int(input())
scores = list(map(int, input().split()))
scores = [x for x in scores if x >= 10]
if scores:
    print(scores[-1])
else:
    print(-1)
