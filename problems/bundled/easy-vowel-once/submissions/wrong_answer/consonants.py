s = [c for c in input().strip() if c not in "aeiou"]
print("YES" if len(set(s)) == len(s) else "NO")
