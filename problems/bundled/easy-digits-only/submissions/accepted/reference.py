s = input().strip()
s = "".join(c for c in s if c.isdigit())
print(s)
