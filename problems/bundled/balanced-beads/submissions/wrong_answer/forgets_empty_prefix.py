# Remembers where each surplus was first seen, but not that it is 0 before the first bead.
n = int(input())
beads = input().strip()
seen = {}
surplus = best = 0
for i, bead in enumerate(beads):
    surplus += 1 if bead == "R" else -1
    if surplus in seen:
        best = max(best, i - seen[surplus])
    else:
        seen[surplus] = i
print(best)
