# Takes -3 and 3 for the same value.
n = int(input())
print(len({abs(x) for x in map(int, input().split()) if x % 2}))
