n = int(input())
a = list(map(int, input().split()))
b = list(map(int, input().split()))
print(sum(x for x in b if x not in a))
