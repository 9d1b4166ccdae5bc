n = int(input())
a = list(map(int, input().split()))
b = list(map(int, input().split()))
res = [x for x in a if x not in b]
print(sum(res))
