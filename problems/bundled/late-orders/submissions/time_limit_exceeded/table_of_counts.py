# Keeps, for each number of orders, the smallest time that finishes so many: quadratic.
n = int(input())
orders = sorted((tuple(map(int, input().split())) for _ in range(n)), key=lambda o: o[1])
earliest = [0]
for t, d in orders:
    if earliest[-1] + t <= d:
        earliest.append(earliest[-1] + t)
        top = len(earliest) - 2
    else:
        top = len(earliest) - 1
    for count in range(top, 0, -1):
        candidate = earliest[count - 1] + t
        if candidate <= d and candidate < earliest[count]:
            earliest[count] = candidate
print(len(earliest) - 1)
