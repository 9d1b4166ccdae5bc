n = int(input())
print(len({len(w) for w in input().split()}))
