# Starts its tables with two trees, which a row cut from a small ring does not have.
n = int(input())
a = list(map(int, input().split()))


def row(b):
    best = [0] * len(b)
    best[0] = b[0]
    best[1] = max(b[0], b[1])
    for i in range(2, len(b)):
        best[i] = max(best[i - 1], best[i - 2] + b[i])
    return best[-1]


print(max(row(a[:-1]), row(a[1:])))
