words = input().split()
words = [w for w in words if w[0] in "aeiou"]
print(*[w[-1] for w in words])
