def best_in_row(trees):
    """The largest harvest where the trees stand in a row."""
    with_last, without_last = 0, 0
    for apples in trees:
        with_last, without_last = without_last + apples, max(with_last, without_last)
    return max(with_last, without_last)


def main():
    n = int(input())
    trees = list(map(int, input().split()))
    if n == 1:
        print(trees[0])
    else:
        # The first and the last tree are neighbours: at least one of them stays.
        print(max(best_in_row(trees[1:]), best_in_row(trees[:-1])))


main()
