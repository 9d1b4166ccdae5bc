print("".join(c for c in input() if c in "aeiou"))
