s = input().strip()
s = "".join(c for c in s if c in "aeiou")
print("YES" if len(set(s)) == len(s) else "NO")
