# Looks for the vowel at the end of the word.
print(*[w[-1] for w in input().split() if w[-1] in "aeiou"])
