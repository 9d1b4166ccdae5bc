words = input().split()
words = [w for w in words if len(w) == 4]
print(len(words))
