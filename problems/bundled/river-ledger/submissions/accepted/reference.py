import sys

# A node of the tree holds four sums over its days: all of them, the best stretch from its first day on, the
# best one up to its last day, and the best one anywhere. EMPTY fills the tree up to a power of two.
EMPTY = (0, -(10**18), -(10**18), -(10**18))


def join(left, right):
    total, start, end, best = left
    r_total, r_start, r_end, r_best = right
    across = end + r_start
    if total + r_start > start:
        start = total + r_start
    end = end + r_total
    if r_end > end:
        end = r_end
    if r_best > best:
        best = r_best
    return (total + r_total, start, end, across if across > best else best)


def main():
    n, q, *numbers = map(int, sys.stdin.read().split())
    size = 1 << (n - 1).bit_length()
    tree = [EMPTY] * size + [(gain,) * 4 for gain in numbers[:n]] + [EMPTY] * (size - n)
    for node in range(size - 1, 0, -1):
        tree[node] = join(tree[2 * node], tree[2 * node + 1])
    for day, gain in zip(numbers[n::2], numbers[n + 1 :: 2]):
        node = size + day - 1
        tree[node] = (gain,) * 4
        while node > 1:
            node //= 2
            tree[node] = join(tree[2 * node], tree[2 * node + 1])
        print(tree[1][3])


main()
