s = input().strip()
s = "".join(c for c in s if c not in "aeiou")
print(s)
