# Looks for the first digit, which need not be there.
s = input().strip()
start = min(i for i, c in enumerate(s) if c.isdigit())
print("".join(c for c in s[start:] if c.isdigit()))
