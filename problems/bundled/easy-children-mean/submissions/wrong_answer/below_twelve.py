ages = [x for x in map(int, input().split()) if x < 12]
print(sum(ages) // len(ages) if ages else -1)
