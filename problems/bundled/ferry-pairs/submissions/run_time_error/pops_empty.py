# Takes the heaviest and looks at the lightest, even when nobody is left.
n, limit = map(int, input().split())
people = sorted(map(int, input().split()))
boats = 0
while people:
    heavy = people.pop()
    if heavy + people[0] <= limit:
        people.pop(0)
    boats += 1
print(boats)
