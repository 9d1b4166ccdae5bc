n = int(input())
found = [x for x in input().split() if x == x[::-1]]
print(found[0] if found else -1)
