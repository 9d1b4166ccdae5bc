words = input().split()
words = [w[-1] for w in words]
print(*words)
