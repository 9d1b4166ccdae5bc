n = int(input())
c = set(map(int, input().split())) & set(map(int, input().split()))
print(max(c) - min(c))
