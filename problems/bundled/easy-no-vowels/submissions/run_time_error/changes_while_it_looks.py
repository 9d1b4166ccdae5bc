s = list(input().strip())
for i in range(len(s)):
    if s[i] in "aeiou":
        s.pop(i)
print("".join(s))
