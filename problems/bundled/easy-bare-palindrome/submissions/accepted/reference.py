s = input().strip()
s = "".join(c for c in s if c not in "aeiou")
if s == s[::-1]:
    print("YES")
else:
    print("NO")
