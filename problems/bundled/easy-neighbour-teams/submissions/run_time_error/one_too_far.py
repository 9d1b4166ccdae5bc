n = int(input())
a = list(map(int, input().split()))
print(max(a[i] + a[i + 1] for i in range(n)))
