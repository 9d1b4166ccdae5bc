# Takes the numbers to stand on lines of their own.
n = int(input())
print(sum(int(input()) + 3 for _ in range(n)))
