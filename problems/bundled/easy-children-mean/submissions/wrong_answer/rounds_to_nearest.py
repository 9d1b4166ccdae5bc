ages = [x for x in map(int, input().split()) if x <= 12]
print(round(sum(ages) / len(ages)) if ages else -1)
