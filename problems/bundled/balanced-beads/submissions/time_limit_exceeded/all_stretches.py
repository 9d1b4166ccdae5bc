# Tries every stretch: quadratic.
n = int(input())
beads = input().strip()
best = 0
for i in range(n):
    surplus = 0
    for j in range(i, n):
        surplus += 1 if beads[j] == "R" else -1
        if surplus == 0 and j - i + 1 > best:
            best = j - i + 1
print(best)
