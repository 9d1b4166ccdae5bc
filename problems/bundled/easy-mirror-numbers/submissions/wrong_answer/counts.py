n = int(input())
print(sum(1 for x in (int(input()) for _ in range(n)) if str(x) == str(x)[::-1]))
