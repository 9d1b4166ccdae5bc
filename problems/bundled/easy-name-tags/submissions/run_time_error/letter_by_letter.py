# A word may have fewer than k letters.
n, k = map(int, input().split())
for _ in range(n):
    word = input().strip()
    print("".join(word[i] for i in range(k)))
