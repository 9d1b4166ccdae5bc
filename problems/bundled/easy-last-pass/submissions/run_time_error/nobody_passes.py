n = int(input())
scores = [x for x in map(int, input().split()) if x >= 10]
print(scores[-1])
