# Compares each word with each other word.
n = int(input())
words = [input().strip() for _ in range(n)]
pairs = 0
for i in range(n):
    for j in range(i + 1, n):
        if len(words[i]) == len(words[j]) and sorted(words[i]) == sorted(words[j]):
            pairs += 1
print(pairs)
