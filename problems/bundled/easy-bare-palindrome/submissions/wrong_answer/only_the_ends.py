s = [c for c in input().strip() if c not in "aeiou"]
print("YES" if s[0] == s[-1] else "NO")
