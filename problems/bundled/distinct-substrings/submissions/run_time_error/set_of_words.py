# @EXPECTED_RESULTS@: MLE
# Puts all the words into a set.
strip = input().strip()
n = len(strip)
words = set()
for start in range(n):
    for end in range(start + 1, n + 1):
        words.add(strip[start:end])
print(len(words))
