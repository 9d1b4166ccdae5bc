n = int(input())
a = list(map(int, input().split()))
b = list(map(int, input().split()))
print(min(max(a[i], b[i + 1]) for i in range(n)))
