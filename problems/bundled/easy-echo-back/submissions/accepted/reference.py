s = input().strip()
s = "".join(c * 2 for c in s)
print(s[::-1])
