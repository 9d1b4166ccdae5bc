n = int(input())
s = [c for c in input() if c not in "aeiou"]
print("YES" if s == s[::-1] else "NO")
