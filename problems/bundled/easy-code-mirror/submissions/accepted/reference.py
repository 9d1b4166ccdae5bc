s = input().strip()
s = "".join(c for c in s if c.isdigit())
print("YES" if s == s[::-1] else "NO")
