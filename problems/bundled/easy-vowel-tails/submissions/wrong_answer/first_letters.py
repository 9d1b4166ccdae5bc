print(*[w[0] for w in input().split() if w[0] in "aeiou"])
