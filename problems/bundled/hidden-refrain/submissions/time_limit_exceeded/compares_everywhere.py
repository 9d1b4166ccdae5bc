# Compares letter by letter at each place, and stops at the second wrong letter.
song = input().strip()
refrain = input().strip()
count = 0
for i in range(len(song) - len(refrain) + 1):
    wrong = 0
    for j in range(len(refrain)):
        if song[i + j] != refrain[j]:
            wrong += 1
            if wrong > 1:
                break
    if wrong <= 1:
        count += 1
print(count)
