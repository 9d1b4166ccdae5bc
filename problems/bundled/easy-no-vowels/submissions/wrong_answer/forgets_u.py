print("".join(c for c in input().strip() if c not in "aeio"))
