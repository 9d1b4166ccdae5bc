s = [c for c in input().strip() if c in "aeiou"]
print("YES" if s == s[::-1] else "NO")
