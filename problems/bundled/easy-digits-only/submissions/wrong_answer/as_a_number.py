# Loses zeros in front.
print(int("".join(c for c in input() if c.isdigit()) or 0))
