# For each person, from the heaviest, searches everybody for the best partner.
n, limit = map(int, input().split())
people = sorted(map(int, input().split()), reverse=True)
used = [False] * n
boats = 0
for i in range(n):
    if used[i]:
        continue
    used[i] = True
    partner = -1
    for j in range(n):
        if not used[j] and people[i] + people[j] <= limit:
            if partner < 0 or people[j] > people[partner]:
                partner = j
    if partner >= 0:
        used[partner] = True
    boats += 1
print(boats)
