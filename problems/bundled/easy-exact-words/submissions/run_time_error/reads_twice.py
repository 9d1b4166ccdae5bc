n = int(input())
print(sum(len(w) == 4 for w in input().split()))
