ages = list(map(int, input().split()))
ages = [x for x in ages if x <= 12]
if not ages:
    print(-1)
else:
    print(sum(ages) // len(ages))
