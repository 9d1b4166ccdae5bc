# There need not be a digit at all.
digits = "".join(c for c in input() if c.isdigit())
number = int(digits)
print("YES" if digits == digits[::-1] and number >= 0 else "NO")
