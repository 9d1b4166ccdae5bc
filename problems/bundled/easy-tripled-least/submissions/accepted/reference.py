n = int(input())
a = list(map(int, input().split()))
a = [x * 3 for x in a]
print(min(a))
