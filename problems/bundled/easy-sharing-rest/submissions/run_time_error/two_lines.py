# Expects n and k on lines of their own.
n = int(input())
k = int(input())
print(sum(x % k for x in map(int, input().split())) // n)
