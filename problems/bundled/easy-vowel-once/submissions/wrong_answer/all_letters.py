s = input().strip()
print("YES" if len(set(s)) == len(s) else "NO")
