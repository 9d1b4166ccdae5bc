def reaches(marks, k, bound):
    """Whether some row of at least k meals has a median of `bound` or more.

    That is so when more than half of its marks reach the bound: when +1 for each mark that does and -1 for
    each that does not add up to more than 0.
    """
    sums = [0]
    total = lowest = 0
    for end, mark in enumerate(marks, start=1):
        total += 1 if mark >= bound else -1
        sums.append(total)
        if end >= k:
            start = sums[end - k]
            if start < lowest or end == k:
                lowest = start
            if total > lowest:
                return True
    return False


def main():
    _, k = map(int, input().split())
    marks = list(map(int, input().split()))
    candidates = sorted(set(marks))
    low, high = 0, len(candidates)  # candidates[low] is reached, candidates[high] is not
    while high - low > 1:
        middle = (low + high) // 2
        if reaches(marks, k, candidates[middle]):
            low = middle
        else:
            high = middle
    print(candidates[low])


main()
