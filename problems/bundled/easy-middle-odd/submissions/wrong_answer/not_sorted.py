n = int(input())
s = [x for x in map(int, input().split()) if x % 2]
print(s[(len(s) - 1) // 2] if s else -1)
