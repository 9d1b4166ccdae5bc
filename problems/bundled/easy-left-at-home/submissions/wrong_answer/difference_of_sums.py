n = int(input())
a = list(map(int, input().split()))
print(sum(a) - sum(map(int, input().split())))
