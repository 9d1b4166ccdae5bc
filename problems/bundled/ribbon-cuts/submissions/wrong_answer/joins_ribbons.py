# Divides the total length, as if ribbons could be joined.
n, k = map(int, input().split())
print(sum(map(int, input().split())) // k)
