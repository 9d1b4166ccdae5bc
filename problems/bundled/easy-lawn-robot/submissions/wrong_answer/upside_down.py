s = input()
print(s.count("R") - s.count("L"), s.count("D") - s.count("U"))
