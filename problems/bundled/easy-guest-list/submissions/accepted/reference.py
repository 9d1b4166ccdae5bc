ages = list(map(int, input().split()))
ages = sorted(set(ages))
for x in ages:
    print(x)
