# Compares the first and the last digit only.
n = int(input())
print(sum(x for x in (int(input()) for _ in range(n)) if str(x)[0] == str(x)[-1]))
