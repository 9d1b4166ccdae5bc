print("".join(c * 2 for c in input().strip()))
