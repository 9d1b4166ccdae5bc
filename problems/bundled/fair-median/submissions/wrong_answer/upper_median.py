# Takes the upper one of the two middle marks.
n, k = map(int, input().split())
marks = list(map(int, input().split()))


def possible(x):
    prefix = [0]
    for mark in marks:
        prefix.append(prefix[-1] + (1 if mark >= x else -1))
    low = 0
    for i in range(k, n + 1):
        low = min(low, prefix[i - k])
        if prefix[i] - low >= 0:
            return True
    return False


values = sorted(set(marks))
lo, hi = 0, len(values)
while hi - lo > 1:
    mid = (lo + hi) // 2
    if possible(values[mid]):
        lo = mid
    else:
        hi = mid
print(values[lo])
