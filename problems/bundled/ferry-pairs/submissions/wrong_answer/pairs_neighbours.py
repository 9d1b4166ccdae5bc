# Pairs people who are next to each other in sorted order.
n, limit = map(int, input().split())
people = sorted(map(int, input().split()), reverse=True)
boats = i = 0
while i < n:
    if i + 1 < n and people[i] + people[i + 1] <= limit:
        i += 2
    else:
        i += 1
    boats += 1
print(boats)
