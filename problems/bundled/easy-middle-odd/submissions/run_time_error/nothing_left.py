n = int(input())
s = sorted(x for x in map(int, input().split()) if x % 2)
print(s[(len(s) - 1) // 2])
