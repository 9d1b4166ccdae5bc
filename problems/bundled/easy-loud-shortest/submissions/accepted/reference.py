words = input().split()
words = [w.upper() for w in words]
print(min(words, key=len))
