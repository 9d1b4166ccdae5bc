s = input()
print(s.count("U") - s.count("D"), s.count("R") - s.count("L"))
