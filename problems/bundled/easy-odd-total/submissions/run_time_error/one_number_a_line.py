# Takes the numbers to stand on lines of their own.
n = int(input())
print(sum(x for x in [int(input()) for _ in range(n)] if x % 2))
